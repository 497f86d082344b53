/** Serial ports and HID devices: which count, where they are plugged in, and what is kept back. */
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { test } from "tap";
import { known, loadCapture } from "../../../hal/index.ts";
import { readClocks } from "../../../hal/probes/clocks.ts";
import { byKernelNumber, distinctPaths, placeOf, stablePath } from "../../../hal/probes/device-paths.ts";
import { readWatchdogs } from "../../../hal/probes/guards.ts";
import { parseHidUevent, readHidDevices } from "../../../hal/probes/hid-devices.ts";
import { parseConsoles, readSerialPorts } from "../../../hal/probes/serial-ports.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const USB = "pci0000:00/0000:00:14.0/usb1/1-1/1-1.4";

/** A port as the kernel shows it: a link in the class, and a link from the terminal to its device. */
function port(name: string, device: string, files: Readonly<Record<string, Node>> = {}): Record<string, Node> {
  const place = `/sys/devices/${device}/tty/${name}`;
  return {
    [`/sys/class/tty/${name}`]: { link: `../../devices/${device}/tty/${name}` },
    [`${place}/device`]: { link: `../../../${device.split("/").at(-1)}` },
    ...Object.fromEntries(Object.entries(files).map(([file, node]) => [`${place}/${file}`, node])),
  };
}

function portsOf(nodes: Readonly<Record<string, Node>>) {
  return readSerialPorts(makeSimHost(makeTree(nodes)));
}

test("ports of a board, of USB adapters and of a modem", async (t) => {
  const facts = await portsOf({
    ...port("ttyAMA0", "platform/soc/fe201000.serial/fe201000.serial:0/fe201000.serial:0.0", { type: "32\n" }),
    "/sys/devices/platform/soc/fe201000.serial/driver": { link: "../../../../bus/amba/drivers/uart-pl011" },
    ...port("ttyS0", "platform/soc/fe215040.serial", { type: "4\n" }),
    "/sys/devices/platform/soc/fe215040.serial/driver": { link: "../../../../bus/platform/drivers/bcm2835-aux-uart" },
    ...port("ttyUSB0", `${USB}/1-1.4:1.0/ttyUSB0`),
    [`/sys/devices/${USB}/1-1.4:1.0/ttyUSB0/driver`]: { link: "../../../../bus/usb-serial/drivers/cp210x" },
    [`/sys/devices/${USB}/idVendor`]: "10C4\n",
    [`/sys/devices/${USB}/idProduct`]: "ea60\n",
    [`/sys/devices/${USB}/product`]: "CP2102 USB to UART Bridge Controller\n",
    [`/sys/devices/${USB}/serial`]: "SECRET\n",
    ...port("ttyACM0", "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.1"),
    "/proc/consoles": "tty1                 -WU (EC  p  )    4:1\nttyAMA0              -W- (E   p a)  204:64\n",
    "/sys/class/tty/tty1/dev": "4:1\n",
    "/sys/class/tty/ptmx/dev": "5:2\n",
  });
  const unknown = { vendorId: undefined, productId: undefined, product: undefined };
  t.same(facts, {
    kind: "found",
    value: [
      { name: "ttyACM0", path: "usb-1-2:1.1", driver: undefined, console: false, ...unknown },
      { name: "ttyAMA0", path: "platform/soc/fe201000.serial", driver: "uart-pl011", console: true, ...unknown },
      { name: "ttyS0", path: "platform/soc/fe215040.serial", driver: "bcm2835-aux-uart", console: false, ...unknown },
      {
        name: "ttyUSB0",
        path: "usb-1-1.4:1.0",
        driver: "cp210x",
        console: false,
        vendorId: "10c4",
        productId: "ea60",
        product: "CP2102 USB to UART Bridge Controller",
      },
    ],
  });
  t.notMatch(JSON.stringify(facts), /SECRET/);
});

test("numbers that the driver only keeps are no ports", async (t) => {
  const isa = "platform/serial8250";
  const facts = await portsOf({
    ...port("ttyS0", "pnp0/00:00/00:00:0/00:00:0.0", { type: "4\n" }),
    ...port("ttyS1", `${isa}/serial8250:0/serial8250:0.1`, { type: "0\n" }),
    ...port("ttyS2", `${isa}/serial8250:0/serial8250:0.2`, { type: "4\n" }),
    ...port("ttyS10", `${isa}/serial8250:0/serial8250:0.10`, { type: "0\n" }),
    "/sys/class/tty/console/active": "ttyS0 ttyS10\n",
  });
  t.same(
    known(facts)?.map(({ name, path, console }) => [name, path, console]),
    [
      ["ttyS0", "pnp0/00:00", true],
      ["ttyS2", "platform/serial8250-port1", false],
      ["ttyS10", "platform/serial8250-port2", true],
    ],
    "the kernel's order, and a console counts whatever it is",
  );
});

test("where the consoles cannot be seen, any port may be one", async (t) => {
  t.match(await portsOf(port("ttyS0", "pnp0/00:00")), { value: [{ name: "ttyS0", console: undefined }] });
  t.same(parseConsoles("hvc0   -W- (EC p)\n\n bad\nttyS0\t-W-\n"), ["hvc0", "ttyS0"]);
  t.match(await portsOf({ "/sys/class/tty/tty0/dev": "4:0\n" }), { kind: "absent", why: "no serial port" });
  t.match(await portsOf({}), { kind: "absent" });
});

/** A raw HID device with its uevent file. */
function hidraw(number: number, device: string, uevent: string): Record<string, Node> {
  const place = `/sys/devices/${device}`;
  return {
    [`/sys/class/hidraw/hidraw${number}`]: { link: `../../devices/${device}/hidraw/hidraw${number}` },
    [`${place}/hidraw/hidraw${number}/device`]: { link: "../.." },
    [`${place}/uevent`]: uevent,
  };
}

test("HID devices by their socket; numbers and addresses stay here", async (t) => {
  const uevent = (id: string, name: string): string =>
    `DRIVER=hid-generic\nHID_ID=${id}\nHID_NAME=${name}\nHID_PHYS=00:11:22:33:44:55\nHID_UNIQ=SECRET\nMODALIAS=hid:b0003\n`;
  const facts = await readHidDevices(
    makeSimHost(
      makeTree({
        ...hidraw(1, `${USB}/1-1.4:1.2/0003:239A:0013.0007`, uevent("0003:0000239A:00000013", "Board")),
        ...hidraw(2, "platform/i2c/i2c-0/0018:06CB:1234.0001", uevent("0018:000006CB:00001234", "Touchpad")),
        ...hidraw(10, "virtual/misc/uhid/0005:046D:B015.0009", uevent("0005:0000046D:0000B015", "Mouse")),
      }),
    ),
  );
  t.same(facts, {
    kind: "found",
    value: [
      { name: "hidraw1", path: "usb-1-1.4:1.2", bus: "usb", vendorId: "239a", productId: "0013", product: "Board" },
      { name: "hidraw2", path: "platform/i2c/i2c-0", bus: "i2c", vendorId: "06cb", productId: "1234", product: "Touchpad" },
      { name: "hidraw10", path: undefined, bus: "bluetooth", vendorId: "046d", productId: "b015", product: "Mouse" },
    ],
  });
  t.notMatch(JSON.stringify(facts), /SECRET|00:11/);
  t.same(parseHidUevent("HID_UNIQ=x\n"), { bus: undefined, vendorId: undefined, productId: undefined, product: undefined });
});

test("what a real kernel shows of USB, PCI and ISA ports", async (t) => {
  const capture = await loadCapture(fileURLToPath(new URL("../../fixtures/hal/usb-guest.capture", import.meta.url)));
  if (!capture.ok) throw capture.error;
  const { host } = capture.value;
  const ports = known(await readSerialPorts(host)) ?? [];
  t.same(
    ports.map(({ name, path, driver, vendorId, product }) => [name, path, driver, vendorId, product]),
    [
      ["ttyACM0", "usb-1-1:1.0", "cdc_acm", "10c4", "Test port"],
      ["ttyACM1", "usb-1-1:1.2", "cdc_acm", "10c4", "Test port"],
      ["ttyS0", "pnp0/00:04", "serial", undefined, undefined],
      ["ttyS1", "pnp0/00:03", "serial", undefined, undefined],
      ["ttyS2", "pci0000:00/0000:00:04.0", "serial", undefined, undefined],
      ["ttyUSB0", "usb-2-2:1.0", "ftdi_sio", "0403", "QEMU USB SERIAL"],
    ],
    "without ttyS3, which the driver only keeps",
  );
  t.same(
    ports.filter((port) => port.console === true).map((port) => port.name),
    ["ttyS0"],
  );
  t.match(await readHidDevices(host), { value: [{ path: "usb-2-1:1.0", bus: "usb", vendorId: "0627", productId: "0001" }] });
  t.match(await readWatchdogs(host), { value: [{ identity: "i6300ESB timer", timeoutMs: 30_000, active: false }] });
  t.match(await readClocks(host), {
    value: { realTimeClocks: [{ name: "rtc_cmos 00:05", setSystemTime: true }], clockSource: "hpet" },
  });
});

test("stable paths", (t) => {
  t.equal(placeOf("../../devices/a/../b"), undefined, "no way round");
  t.equal(placeOf("/etc/passwd"), undefined);
  t.same(placeOf("../../devices/pnp0/00:00"), ["pnp0", "00:00"]);
  t.equal(stablePath(["usb1", "1-1", "1-1:1.0", "ttyUSB0"]), "usb-1-1:1.0");
  t.same(["ttyS10", "ttyS2", "ttyAMA0", "ttyS1"].sort(byKernelNumber), ["ttyAMA0", "ttyS1", "ttyS2", "ttyS10"]);
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b", "usb-1-1:1.0", "c")), (paths) => {
      const distinct = distinctPaths(paths);
      t.equal(new Set(distinct).size, paths.length);
      t.ok(distinct.every((path, index) => path.startsWith(paths[index] ?? "-")));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (link) => {
      const place = placeOf(link);
      t.ok(place === undefined || !place.includes(".."));
    }),
  );
  t.end();
});
