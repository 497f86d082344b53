/** The variables of a file of plain shell assignments, quoted or not (os-release(5)). Nothing is expanded. */
export function parseShellVariables(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split("\n")) {
    const assignment = /^([A-Z][A-Z0-9_]*)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*$/.exec(line);
    if (assignment?.[1] !== undefined) variables.set(assignment[1], assignment[2] ?? assignment[3] ?? assignment[4] ?? "");
  }
  return variables;
}
