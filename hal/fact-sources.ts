import type { MachineFacts } from "./facts.ts";

/** Where each fact is read from, for people who doubt it. Paths of the kernel and of the system's own files. */
export const FACT_SOURCES: Readonly<Record<keyof MachineFacts, string>> = {
  cpu: "/proc/cpuinfo, /sys/devices/system/cpu, /proc/self/status, control groups",
  memory: "/proc/meminfo, /proc/swaps, /sys/block/zram*, control groups",
  disks: "/sys/block, /sys/class/mtd, /sys/class/ubi",
  volume: "/proc/self/mountinfo, statfs(2), /sys/class/block",
  volumes: "/proc/self/mountinfo, statfs(2), /sys/class/block",
  gpus: "/sys/bus/pci/devices, /sys/class/drm, /proc/driver/nvidia",
  interfaces: "/sys/class/net, /proc/net/fib_trie, /proc/net/if_inet6, /etc/config/network",
  routes: "/proc/net/route, /proc/net/ipv6_route",
  platform: "/proc/sys/kernel, /etc/os-release, /etc/openwrt_release, /proc/self, /proc/1, DMI, ACPI",
  board: "/sys/class/dmi/id, /proc/device-tree, /tmp/sysinfo",
  thermal: "/sys/class/thermal, /sys/class/hwmon, thermal_throttle of the CPUs",
  power: "/sys/class/power_supply",
  clocks: "/sys/class/rtc, /sys/devices/system/clocksource",
  watchdogs: "/sys/class/watchdog",
  tpm: "/sys/class/tpm",
  serialPorts: "/sys/class/tty, /proc/consoles",
  hidDevices: "/sys/class/hidraw",
};
