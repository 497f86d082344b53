/** Which profile a machine gets, what else limits it, and that no profile of the owner's raises anything. */
import fc from "fast-check";
import { test } from "tap";
import { type BoardProfile, TIERS } from "../../../hal/index.ts";
import { type BoardTraits, canTie, holdBack, matchBoard } from "../../../hal/profiles/board-match.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const NOTHING: BoardTraits = {
  compatible: [],
  dmiVendor: undefined,
  dmiProduct: undefined,
  dmiBoard: undefined,
  chassisType: undefined,
  isContainer: false,
  hypervisor: undefined,
  isVirtual: false,
  isOpenwrt: false,
  hasGpu: false,
  arch: undefined,
};

function profile(id: string, match: BoardProfile["match"], more: Partial<BoardProfile> = {}): BoardProfile {
  return { schema: 1, id, match, board: { name: id, class: "pc" }, limits: { max_tier: "Super" }, ...more };
}

function chosen(traits: Partial<BoardTraits>, profiles: readonly BoardProfile[]) {
  const match = matchBoard({ ...NOTHING, ...traits }, profiles);
  return match.ok ? match.value : match.error.message;
}

function winner(traits: Partial<BoardTraits>, profiles: readonly BoardProfile[]): string | undefined {
  const match = chosen(traits, profiles);
  return typeof match === "string" ? match : match?.profile.id;
}

const KINDS: readonly (readonly [match: BoardProfile["match"], traits: Partial<BoardTraits>, by: string])[] = [
  [{ arch: ["x86_64", "aarch64"] }, { arch: "x86_64" }, "architecture x86_64"],
  [{ gpu: true }, { hasGpu: true }, "graphics processor"],
  [{ os: "openwrt" }, { isOpenwrt: true }, "OpenWrt"],
  [{ dmi: { chassis_type: [17, 23] } }, { chassisType: 23 }, "chassis type 23"],
  [{ dmi: { vendor: "Acme" } }, { dmiVendor: "Acme" }, "vendor Acme"],
  [{ virtual: true }, { isVirtual: true }, "virtual machine"],
  [{ hypervisor: ["Xen", "KVM"] }, { isVirtual: true, hypervisor: "KVM" }, "hypervisor KVM"],
  [{ container: true }, { isContainer: true }, "container"],
  [{ dmi: { board: ["BX1", "BX2"] } }, { dmiBoard: "BX2" }, "main board BX2"],
  [{ dmi: { product: "Box" } }, { dmiProduct: "Box" }, "product Box"],
  [{ compatible: ["acme,s1"] }, { compatible: ["acme,box", "acme,s1"] }, "device tree acme,s1"],
  [{ compatible: ["acme,box"] }, { compatible: ["acme,box", "acme,s1"] }, "device tree acme,box"],
];

test("every kind of key, from the least specific to the most", (t) => {
  const profiles = KINDS.map(([match], index) => profile(`p${index}`, match));
  let traits: Partial<BoardTraits> = {};
  for (const [index, [, added, by]] of KINDS.entries()) {
    t.match(chosen(added, [profiles[index] ?? profile("-", {})]), { matchedBy: by });
    traits = { ...traits, ...added };
    const expected = index === 10 ? "p11" : `p${index}`;
    t.equal(winner(traits, profiles), expected, `${by} beats those before it`);
    t.equal(winner(traits, profiles.toReversed()), expected, `${by}, the other way round`);
  }
  t.equal(winner({}, profiles), undefined);
  t.end();
});

test("every key that a profile gives has to match", (t) => {
  const strict = [profile("strict", { compatible: ["acme,box"], os: "openwrt", dmi: { vendor: "Acme", product: "One" } })];
  const all = { compatible: ["acme,box"], isOpenwrt: true, dmiVendor: "Acme", dmiProduct: "One" };
  t.match(chosen(all, strict), { matchedBy: "device tree acme,box, product One, vendor Acme, OpenWrt" });
  for (const key of Object.keys(all))
    t.equal(winner({ ...all, [key]: NOTHING[key as keyof BoardTraits] }, strict), undefined, key);
  t.equal(
    winner({ hypervisor: "KVM" }, [profile("kvm", { hypervisor: ["KVM"] })]),
    undefined,
    "a name alone is no virtual machine",
  );
  t.end();
});

test("two that match equally well are an error that names both files", (t) => {
  const twins = [
    profile("one", { compatible: ["acme,box"] }, { file: "/boards/one.toml" }),
    profile("two", { compatible: ["acme,box", "acme,other"] }, { file: "/boards/two.toml" }),
  ];
  const message = "/boards/one.toml and /boards/two.toml match this machine equally well; make one of them more specific";
  t.equal(winner({ compatible: ["acme,box"] }, twins), message);
  t.equal(winner({ compatible: ["acme,box"] }, twins.toReversed()), message);
  t.equal(winner({ compatible: ["acme,other"] }, twins), "two");
  t.equal(
    winner({ compatible: ["acme,box", "acme,other"] }, [profile("x", { compatible: ["acme,other"] }), ...twins.slice(0, 1)]),
    "one",
  );
  t.ok(twins[0] && twins[1] && canTie(twins[0], twins[1]));
  for (const [index, [match]] of KINDS.entries()) {
    for (const [other, [otherMatch]] of KINDS.entries()) {
      t.equal(canTie(profile("a", match), profile("b", otherMatch)), index === other, `${index} and ${other}`);
    }
  }
  t.notOk(canTie(profile("a", { dmi: { vendor: "A" } }), profile("b", { dmi: { vendor: "B" } })));
  t.notOk(canTie(profile("a", { dmi: { vendor: "A" } }), profile("b", { dmi: { vendor: "A", product: "P" } })));
  t.end();
});

test("a container or a virtual machine limits the board that it runs on", (t) => {
  const shared = [
    profile("box", { compatible: ["acme,box"] }, { limits: { max_tier: "Super", ram_reserve_mb: 64, cpu_share: 0.5 } }),
    profile("small", { compatible: ["acme,small"] }, { limits: { max_tier: "Lite", why: "It is small.", ram_reserve_mb: 256 } }),
    profile(
      "container",
      { container: true },
      {
        limits: { max_tier: "Normal", why: "Shared.", ram_reserve_mb: 128, cpu_share: 0.75, disk_bench: false },
        net: { metered: "yes" },
      },
    ),
    profile("vm", { virtual: true }, { limits: { max_tier: "Normal" }, storage: { wear_sensitive: true } }),
  ];
  t.match(chosen({ compatible: ["acme,box"], isContainer: true }, shared), {
    profile: {
      id: "box",
      limits: { max_tier: "Normal", why: "Shared.", ram_reserve_mb: 128, cpu_share: 0.5, disk_bench: false },
      net: { metered: "yes" },
    },
    matchedBy: "device tree acme,box",
    loweredBy: ["container"],
  });
  t.match(chosen({ compatible: ["acme,box"], isVirtual: true }, shared), {
    profile: {
      id: "box",
      limits: { max_tier: "Normal", why: "The profile vm allows no more." },
      storage: { wear_sensitive: true },
    },
    loweredBy: ["vm"],
  });
  t.match(chosen({ compatible: ["acme,small"], isContainer: true, isVirtual: true }, shared), {
    profile: { id: "small", limits: { max_tier: "Lite", why: "It is small.", ram_reserve_mb: 256, cpu_share: 0.75 } },
    loweredBy: undefined,
  });
  t.match(chosen({ isContainer: true, isVirtual: true }, shared), { profile: { id: "container" }, loweredBy: undefined });
  t.match(chosen({ compatible: ["acme,box"] }, shared), { profile: { limits: { max_tier: "Super", disk_bench: undefined } } });
  t.end();
});

test("the owner's profiles go first and raise nothing", (t) => {
  const owners = { isOwners: true } as const;
  const box = profile(
    "box",
    { compatible: ["acme,box"] },
    { limits: { max_tier: "Normal", why: "It is a box.", ram_reserve_mb: 64 } },
  );
  const anything = profile("any", { arch: ["x86_64"] });
  const traits = { compatible: ["acme,box"], arch: "x86_64" };
  const same = profile("box", { compatible: ["acme,box"] }, { ...owners, board: { name: "Mine", class: "sbc" } });
  t.match(chosen(traits, [box, anything, same]), {
    profile: { board: { name: "Mine" }, limits: { max_tier: "Normal", why: "It is a box.", ram_reserve_mb: 64 } },
    loweredBy: ["box"],
  });
  const beside = profile("mine", { compatible: ["acme,box"] }, { ...owners, limits: { max_tier: "Lite", why: "I say so." } });
  t.match(chosen(traits, [box, anything, beside]), { profile: { id: "mine", limits: { max_tier: "Lite", why: "I say so." } } });
  const vague = profile("mine", { arch: ["x86_64"], gpu: true }, owners);
  t.equal(winner({ ...traits, hasGpu: true }, [box, anything, vague]), "box", "the more specific one, whosever it is");
  const replaced = profile("box", { arch: ["x86_64"], gpu: true }, owners);
  t.match(chosen({ ...traits, hasGpu: true }, [box, anything, replaced]), {
    profile: { isOwners: true, limits: { max_tier: "Normal" } },
  });
  t.match(chosen({ compatible: ["acme,new"] }, [box, profile("mine", { compatible: ["acme,new"] }, owners)]), {
    profile: { id: "mine", limits: { max_tier: "Lite", why: /No profile that ships/ } },
    loweredBy: ["no shipped profile"],
  });
  t.match(winner(traits, [box, beside, { ...beside, id: "mine-too" }]), /mine and mine-too match this machine equally well/);
  t.end();
});

test("no owner's profile raises the tier that those that ship give", (t) => {
  const tier = fc.constantFrom(...TIERS);
  const match = fc.constantFrom(...KINDS.map(([each]) => each));
  const some = fc.uniqueArray(fc.tuple(match, tier), { maxLength: 6, selector: ([each]) => JSON.stringify(each) });
  const traits = fc.array(fc.constantFrom(...KINDS.map(([, each]) => each)), { maxLength: 6 });
  fc.assert(
    fc.property(some, some, traits, (shipped, own, parts) => {
      const machine = Object.assign({}, ...parts) as Partial<BoardTraits>;
      const ships = shipped.map(([each, max_tier], index) => profile(`p${index}`, each, { limits: { max_tier } }));
      const owners = own.map(([each, max_tier], index) => profile(`p${index}`, each, { limits: { max_tier }, isOwners: true }));
      const before = chosen(machine, ships);
      const after = chosen(machine, [...ships, ...owners]);
      if (typeof before === "string" || typeof after === "string") return typeof before === typeof after;
      const rank = (found: typeof before) => TIERS.indexOf(found?.profile.limits.max_tier ?? "Lite");
      return rank(after) <= rank(before);
    }),
    { seed: printedSeed(t), numRuns: 5_000 },
  );
  t.end();
});

test("held back, with the reason", (t) => {
  const match = {
    profile: profile("box", { os: "openwrt" }, { limits: { max_tier: "Super", disk_bench: false } }),
    matchedBy: "OpenWrt",
  };
  t.match(holdBack(match, "x.toml:1: wrong"), {
    profile: { id: "box", limits: { max_tier: "Lite", why: "x.toml:1: wrong", disk_bench: false } },
    matchedBy: "OpenWrt",
  });
  t.end();
});
