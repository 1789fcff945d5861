/**
 * What `mirrorball demo` mirrors: the machine the server runs on, as a snapshot, which never changes.
 * Sizes are bytes, rates bytes per second, shares percent; histories are oldest first, at most 120 samples.
 */
export interface HostState {
  readonly host: Host;
  readonly sample: Sample;
  readonly cpu: Cpu;
  readonly memory: Memory;
  readonly swap: Swap;
  /** By mount point. */
  readonly disks: { readonly [mount: string]: Disk };
  readonly networks: { readonly [name: string]: Network };
  /** Empty where the machine has no sensors. */
  readonly temperatures: { readonly [label: string]: Temperature };
  /** Seconds since the machine started. */
  readonly uptime: number;
  readonly processes: Processes;
}

export interface Host {
  readonly name: string;
  readonly os: string;
  readonly kernel: string;
  /** The processor's brand. */
  readonly cpu: string;
  readonly cores: number;
  /** Epoch seconds. */
  readonly booted: number;
}

export interface Sample {
  /** Epoch milliseconds on the server's clock, when it was taken. */
  readonly time: number;
  /** Milliseconds between samples. */
  readonly period: number;
  readonly count: number;
}

export interface Cpu {
  readonly total: number;
  readonly cores: readonly number[];
  /** Load averages over 1, 5 and 15 minutes. */
  readonly load: readonly [number, number, number];
  readonly history: readonly number[];
}

export interface Memory {
  readonly total: number;
  readonly used: number;
  readonly available: number;
  readonly history: readonly number[];
}

export interface Swap {
  readonly total: number;
  readonly used: number;
  readonly history: readonly number[];
}

export interface Disk {
  readonly device: string;
  /** `SSD`, `HDD` or `Unknown`. */
  readonly kind: string;
  readonly filesystem: string;
  readonly total: number;
  readonly available: number;
}

export interface Network {
  readonly received: number;
  readonly sent: number;
  readonly totalReceived: number;
  readonly totalSent: number;
  readonly history: { readonly received: readonly number[]; readonly sent: readonly number[] };
}

/** Degrees Celsius; limits are null where the sensor names none. */
export interface Temperature {
  readonly celsius: number;
  readonly max: number | null;
  readonly critical: number | null;
}

export interface Processes {
  readonly view: View;
  readonly total: number;
  readonly matched: number;
  /** The pids to show, in display order. */
  readonly order: readonly number[];
  /** The processes that `order` and `top` name, by pid. */
  readonly table: { readonly [pid: string]: Process };
  /** The five largest each, whatever the view is. */
  readonly top: { readonly cpu: readonly number[]; readonly memory: readonly number[] };
}

export interface Process {
  readonly pid: number;
  readonly name: string;
  readonly user: string;
  /** Percent of one core. */
  readonly cpu: number;
  readonly memory: number;
  readonly command: string;
}

export type Sort = "cpu" | "memory" | "name" | "pid";

/** How the process table is sorted and filtered: on the server, and thus for every page at once. */
export interface View {
  readonly sort: Sort;
  readonly descending: boolean;
  readonly filter: string;
  readonly limit: number;
}

/** The requests the server answers; each may reject with an error whose data is `{ code, message }`. */
export interface HostApi {
  "set-view": (change: Partial<View>) => View;
  "set-period": (data: { milliseconds: number }) => { milliseconds: number };
  fail: (data: unknown) => never;
}

/** The data of the notification `threshold`. */
export interface Threshold {
  readonly metric: string;
  readonly value: number;
  readonly limit: number;
  readonly seconds: number;
  readonly state: "crossed" | "cleared";
}

/** The data of the notification `process`. */
export interface ProcessEvent {
  readonly event: "started" | "stopped";
  readonly pid: number;
  readonly name: string;
}
