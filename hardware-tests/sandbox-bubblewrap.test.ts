/** The contract of a sandbox on the real bubblewrap, with the other programs beside it and without. */
import { type Test, test } from "tap";
import { sandboxContract } from "../test/contract/sandbox-contract.ts";

const BUBBLEWRAP = { level: "namespaces", mechanism: /^bubblewrap [\d.]+$/ } as const;

test("bubblewrap", (t: Test) => sandboxContract(t, { hidden: [], ...BUBBLEWRAP }));

test("bubblewrap without prlimit", (t: Test) => sandboxContract(t, { hidden: ["prlimit", "unshare"], ...BUBBLEWRAP }));
