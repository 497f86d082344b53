/** The contract of a sandbox on the real bubblewrap, which has to be installed before. */
import { type Test, test } from "tap";
import { sandboxContract } from "../test/contract/sandbox-contract.ts";
import { findAllBut } from "../test/contract/sandbox-parts.ts";

test(
  "bubblewrap",
  { skip: findAllBut([])("bwrap") === undefined && "bubblewrap is not installed (apt-get install bubblewrap)" },
  (t: Test) => sandboxContract(t, { hidden: [], level: "namespaces", mechanism: /^bubblewrap [\d.]+$/ }),
);

test("bubblewrap without prlimit", { skip: findAllBut([])("bwrap") === undefined && "bubblewrap is not installed" }, (t: Test) =>
  sandboxContract(t, { hidden: ["prlimit", "unshare"], level: "namespaces", mechanism: /^bubblewrap [\d.]+$/ }),
);
