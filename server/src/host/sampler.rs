//! Measures this host.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sysinfo::{
    Components, DiskRefreshKind, Disks, Networks, ProcessRefreshKind, ProcessesToUpdate, System,
    ThreadKind, UpdateKind,
};

use super::{
    ProcessEvent, ProcessView, Processes,
    accounts::Accounts,
    history::History,
    pace::Pace,
    processes::{Process, ProcessTable, Reading},
    sample::{
        Cpu, Disk, Host, Memory, Network, Sample, Swap, Temperature, Timing, percent, share, tenth,
    },
    traffic::Traffic,
};

/// Two readings of the processor's counters closer than this say nothing.
pub(crate) const SETTLE: Duration = sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;
/// How often processes are scanned, at most: a scan costs about 30 µs for each of them.
const PROCESSES_INTERVAL: Duration = Duration::from_millis(500);
/// How often disks and temperature sensors are read, at most: they change slowly.
const SLOW_INTERVAL: Duration = Duration::from_secs(5);
/// The most disks in a sample.
const DISKS_MAX: usize = 64;
/// The most network interfaces in a sample; those with the most traffic are kept.
const NETWORKS_MAX: usize = 32;
/// The most temperature sensors in a sample.
const TEMPERATURES_MAX: usize = 64;
/// The part of a command line that is looked at, in bytes.
const COMMAND_BYTES: usize = 1024;

/// Measures this host.
///
/// Measuring blocks, for about half a millisecond and 30 µs for each process. What is costly is not
/// measured for every sample but when its own interval is over, and more rarely still on a host
/// where it takes long; in between, the last values stay.
#[derive(Debug)]
pub(crate) struct Sampler {
    system: System,
    networks: Networks,
    disks: Disks,
    sensors: Components,
    accounts: Accounts,

    networks_pace: Pace,
    processes_pace: Pace,
    disks_pace: Pace,
    sensors_pace: Pace,

    host: Host,
    count: u64,
    cpu_history: History<f64>,
    memory_history: History<f64>,
    swap_history: History<f64>,
    traffic: HashMap<OsString, Traffic>,
    processes: ProcessTable,
}

impl Sampler {
    /// Takes the first readings. Use of the processor and rates need two: let [`SETTLE`] pass
    /// before the first sample.
    ///
    /// # Errors
    ///
    /// Where this operating system is not supported.
    pub(crate) fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        let host = host(&system);
        let mut sampler = Self {
            networks: Networks::new()?,
            disks: Disks::new()?,
            sensors: Components::new()?,
            accounts: Accounts::new()?,
            networks_pace: Pace::new(Duration::ZERO),
            processes_pace: Pace::new(PROCESSES_INTERVAL),
            disks_pace: Pace::new(SLOW_INTERVAL),
            sensors_pace: Pace::new(SLOW_INTERVAL),
            count: 0,
            cpu_history: History::default(),
            memory_history: History::default(),
            swap_history: History::default(),
            traffic: HashMap::new(),
            processes: ProcessTable::new(host.cores),
            system,
            host,
        };
        let now = Instant::now();
        measure_networks(&mut sampler.networks, &mut sampler.traffic, now);
        scan(
            &mut sampler.system,
            &mut sampler.accounts,
            &mut sampler.processes,
            now,
        );
        Ok(sampler)
    }

    /// Measures, and shows the processes that `view` selects; `period` is only told. Returns with
    /// the sample which processes have come and gone.
    pub(crate) fn sample(
        &mut self,
        period: Duration,
        view: &ProcessView,
    ) -> (Sample, Vec<ProcessEvent>) {
        let now = Instant::now();
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks_pace.run(now, || {
            measure_networks(&mut self.networks, &mut self.traffic, now);
        });
        let events = self.processes_pace.run(now, || {
            scan(
                &mut self.system,
                &mut self.accounts,
                &mut self.processes,
                now,
            )
        });
        self.disks_pace.run(now, || {
            let kind = DiskRefreshKind::nothing().with_kind().with_storage();
            self.disks.refresh_specifics(true, kind);
        });
        self.sensors_pace.run(now, || self.sensors.refresh(true));
        self.count += 1;

        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let sample = Sample {
            host: self.host.clone(),
            sample: Timing {
                time: milliseconds(time),
                period: milliseconds(period),
                count: self.count,
            },
            cpu: self.cpu(),
            memory: self.memory(),
            swap: self.swap(),
            disks: self.disks(),
            networks: self.networks(),
            temperatures: self.temperatures(),
            uptime: System::uptime().unwrap_or_default(),
            processes: self.processes(view),
        };
        (sample, events.unwrap_or_default())
    }

    /// The processes that `view` selects, as they were last measured.
    pub(crate) fn processes(&self, view: &ProcessView) -> Processes {
        self.processes.select(view)
    }

    fn cpu(&mut self) -> Cpu {
        let total = percent(self.system.global_cpu_usage().into());
        self.cpu_history.push(total);
        let load = System::load_average().unwrap_or_default();
        Cpu {
            total,
            cores: self
                .system
                .cpus()
                .iter()
                .map(|core| percent(core.usage().into()))
                .collect(),
            load: [load.one, load.five, load.fifteen],
            history: self.cpu_history.clone(),
        }
    }

    fn memory(&mut self) -> Memory {
        let total = self.system.total_memory();
        let available = self.system.available_memory().min(total);
        let used = total - available;
        self.memory_history.push(share(used, total));
        Memory {
            total,
            used,
            available,
            history: self.memory_history.clone(),
        }
    }

    fn swap(&mut self) -> Swap {
        let total = self.system.total_swap();
        let used = total.saturating_sub(self.system.free_swap());
        self.swap_history.push(share(used, total));
        Swap {
            total,
            used,
            history: self.swap_history.clone(),
        }
    }

    fn disks(&self) -> BTreeMap<String, Disk> {
        let disks = self.disks.iter().take(DISKS_MAX).map(|disk| {
            let shown = Disk {
                device: disk.name().to_string_lossy().into_owned(),
                kind: disk.kind().to_string(),
                filesystem: disk.file_system().to_string_lossy().into_owned(),
                total: disk.total_space(),
                available: disk.available_space(),
            };
            (disk.mount_point().to_string_lossy().into_owned(), shown)
        });
        disks.collect()
    }

    fn networks(&self) -> BTreeMap<String, Network> {
        let mut busiest: Vec<_> = self.traffic.iter().collect();
        busiest.sort_unstable_by_key(|(_, traffic)| {
            let Network {
                total_received,
                total_sent,
                ..
            } = traffic.network();
            std::cmp::Reverse(total_received.saturating_add(*total_sent))
        });
        let networks = busiest.into_iter().take(NETWORKS_MAX);
        let shown = networks.map(|(name, traffic)| {
            (
                name.to_string_lossy().into_owned(),
                traffic.network().clone(),
            )
        });
        shown.collect()
    }

    fn temperatures(&self) -> BTreeMap<String, Temperature> {
        let sensors = self.sensors.iter().filter_map(|sensor| {
            let shown = Temperature {
                celsius: tenth(sensor.temperature()?.into()),
                max: sensor.max().map(|degrees| tenth(degrees.into())),
                critical: sensor.critical().map(|degrees| tenth(degrees.into())),
            };
            Some((sensor.label().to_owned(), shown))
        });
        sensors.take(TEMPERATURES_MAX).collect()
    }
}

/// What the machine is. Reads files: once is enough.
fn host(system: &System) -> Host {
    let os = [System::name().ok(), System::os_version().ok()];
    let brand = system
        .cpus()
        .first()
        .map(|core| core.brand().trim().to_owned());
    Host {
        name: System::host_name().unwrap_or_default(),
        os: os.into_iter().flatten().collect::<Vec<_>>().join(" "),
        kernel: System::kernel_version().unwrap_or_default(),
        cpu: brand
            .filter(|brand| !brand.is_empty())
            .unwrap_or_else(System::cpu_arch),
        cores: system.cpus().len(),
        booted: System::boot_time().unwrap_or_default(),
    }
}

fn measure_networks(
    networks: &mut Networks,
    traffic: &mut HashMap<OsString, Traffic>,
    now: Instant,
) {
    networks.refresh(true);
    traffic.retain(|name, _| networks.contains_key(name));
    for (name, counters) in networks.iter() {
        let (received, sent) = (counters.total_received(), counters.total_transmitted());
        match traffic.get_mut(name) {
            Some(traffic) => traffic.update(now, received, sent),
            None => {
                traffic.insert(name.clone(), Traffic::new(now, received, sent));
            }
        }
    }
}

fn scan(
    system: &mut System,
    accounts: &mut Accounts,
    table: &mut ProcessTable,
    now: Instant,
) -> Vec<ProcessEvent> {
    // The command is read each time, because a process that executes another program has a new one.
    let kind = ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .with_user(UpdateKind::OnlyIfNotSet)
        .with_cmd(UpdateKind::Always)
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    let processes = system.processes().values();
    // Where threads are listed among the processes, they are not processes.
    let processes = processes.filter(|process| process.thread_kind() != Some(ThreadKind::Userland));
    table.update(
        now,
        processes.map(|process| reading(process, accounts, now)),
    )
}

fn reading(process: &sysinfo::Process, accounts: &mut Accounts, now: Instant) -> Reading {
    Reading {
        process: Process {
            pid: process.pid().as_u32(),
            name: process.name().to_string_lossy().into_owned(),
            user: process
                .user_id()
                .map_or_else(String::new, |id| accounts.name(id, now)),
            cpu: 0.0,
            memory: process.memory(),
            command: command(process.cmd()),
        },
        started: process.start_time(),
        cpu_time: process.accumulated_cpu_time(),
        kernel: process.thread_kind() == Some(ThreadKind::Kernel),
    }
}

/// A command line as one text, as much of it as can be shown.
fn command(arguments: &[OsString]) -> String {
    let mut command = String::new();
    for argument in arguments {
        if command.len() >= COMMAND_BYTES {
            break;
        }
        if !command.is_empty() {
            command.push(' ');
        }
        command.push_str(&argument.to_string_lossy());
    }
    command
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::{collections::BTreeSet, process, thread};

    #[test]
    fn samples_this_host() {
        let mut sampler = Sampler::new().unwrap();
        let view = ProcessView::default();
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        thread::sleep(SETTLE);
        let (first, started) = sampler.sample(Duration::from_secs(1), &view);
        child.kill().unwrap();
        child.wait().unwrap();
        // A scan is due again only after its interval, and on a busy host somewhat later.
        let (_, none) = sampler.sample(Duration::from_secs(1), &view);
        let begun = Instant::now();
        let (last, stopped) = loop {
            thread::sleep(PROCESSES_INTERVAL);
            let (last, events) = sampler.sample(Duration::from_millis(1500), &view);
            if !events.is_empty() || begun.elapsed() > 20 * PROCESSES_INTERVAL {
                break (last, events);
            }
        };

        let told = |events: &[ProcessEvent]| {
            let of_child = events.iter().filter(|event| event.pid == child.id());
            serde_json::to_value(of_child.collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(told(&started)[0]["event"], "started");
        assert_eq!(told(&none), json!([]));
        assert_eq!(told(&stopped)[0]["event"], "stopped");

        assert_eq!(first.host, last.host);
        assert!(first.host.cores > 0 && first.cpu.cores.len() == first.host.cores);
        assert!(first.sample.count == 1 && last.sample.count >= 3);
        assert_eq!(last.sample.period, 1500);
        assert!(last.sample.time > first.sample.time && last.sample.time > 1_700_000_000_000);
        assert!(
            last.memory.used > 0 && last.memory.used + last.memory.available == last.memory.total
        );
        assert!(last.processes.total >= last.processes.matched);
        assert!(last.uptime > 0 && last.host.booted > 0);
    }

    #[test]
    fn serialises_as_agreed() {
        let mut sampler = Sampler::new().unwrap();
        let (sample, _) = sampler.sample(Duration::from_secs(1), &ProcessView::default());
        let json = serde_json::to_value(&sample).unwrap();
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        let check = |value: &Value, expect: &[&str]| {
            assert_eq!(
                keys(value),
                expect.iter().map(|&key| key.to_owned()).collect()
            );
        };
        check(
            &json,
            &[
                "host",
                "sample",
                "cpu",
                "memory",
                "swap",
                "disks",
                "networks",
                "temperatures",
                "uptime",
                "processes",
            ],
        );
        check(
            &json["host"],
            &["name", "os", "kernel", "cpu", "cores", "booted"],
        );
        check(&json["sample"], &["time", "period", "count"]);
        check(&json["cpu"], &["total", "cores", "load", "history"]);
        check(&json["memory"], &["total", "used", "available", "history"]);
        check(&json["swap"], &["total", "used", "history"]);
        for disk in json["disks"].as_object().unwrap().values() {
            check(
                disk,
                &["device", "kind", "filesystem", "total", "available"],
            );
        }
        for network in json["networks"].as_object().unwrap().values() {
            check(
                network,
                &["received", "sent", "totalReceived", "totalSent", "history"],
            );
            check(&network["history"], &["received", "sent"]);
        }
        let processes = &json["processes"];
        check(
            processes,
            &["view", "total", "matched", "order", "table", "top"],
        );
        check(
            &processes["view"],
            &["sort", "descending", "filter", "limit"],
        );
        check(&processes["top"], &["cpu", "memory"]);
        for process in processes["table"].as_object().unwrap().values() {
            check(
                process,
                &["pid", "name", "user", "cpu", "memory", "command"],
            );
        }
        assert_eq!(processes["view"]["sort"], "cpu");

        // A different view of the same measurements needs no new ones.
        let mut view = ProcessView::default();
        view.apply(crate::host::ViewChange::from_json(&json!({"limit": 1})).unwrap());
        assert_eq!(sampler.processes(&view).order.len(), 1);
    }

    #[test]
    fn joins_only_as_much_of_a_command_as_is_shown() {
        let arguments: Vec<OsString> = (0..100_000).map(|_| "argument".into()).collect();
        assert!(command(&arguments).len() < COMMAND_BYTES + 10);
        assert_eq!(command(&["a".into(), "b c".into()]), "a b c");
        assert_eq!(command(&[]), "");
    }
}
