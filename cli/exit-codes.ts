/** What every verb's exit code means; those from 64 on are the ones of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** It ran, but did not come to its goal: see standard error. */
  failure: 1,
  /** The command line is wrong. */
  usage: 64,
  /** What was verified does not hold. */
  invalid: 65,
  /** This machine or device is not able to. */
  unsupported: 69,
  /** Another bonusnode has the state directory; stop it, or wait. */
  busy: 75,
  /** A configuration file is wrong. */
  configuration: 78,
  /** Stopped by Ctrl-C before the end. */
  interrupted: 130,
} as const;

/** The codes as the help shows them. */
export const EXIT_CODE_HELP: readonly (readonly [string, string])[] = [
  ["0", "done"],
  ["1", "it ran, but did not come to its goal"],
  ["64", "the command line is wrong"],
  ["65", "what was verified does not hold"],
  ["69", "this machine or device is not able to"],
  ["75", "another bonusnode has the state directory"],
  ["78", "a configuration file is wrong"],
  ["130", "stopped by Ctrl-C before the end"],
];
