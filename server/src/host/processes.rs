//! The processes of this host: what each uses, which have come and gone, which to show.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use serde::Serialize;

use super::{
    sample::tenth,
    view::{ProcessView, Sort},
};

/// How many processes each of the tops shows.
pub(crate) const TOP_LENGTH: usize = 5;
/// The most starts and stops that one scan tells.
pub(crate) const EVENTS_MAX: usize = 20;
/// The longest name and user, in characters; more is cut.
const NAME_LENGTH: usize = 64;
/// The longest command, in characters; more is cut.
const COMMAND_LENGTH: usize = 256;

/// The processes that a view selects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Processes {
    /// The view that selected them.
    pub(crate) view: ProcessView,
    /// How many processes there are.
    pub(crate) total: usize,
    /// How many of them match the view's filter.
    pub(crate) matched: usize,
    /// Those to show, in order; at most the view's limit.
    pub(crate) order: Vec<u32>,
    /// Those in `order` and `top`, by id.
    pub(crate) table: BTreeMap<String, Process>,
    /// The largest of all, whatever the view is.
    pub(crate) top: Top,
}

/// The ids of the processes that use most, largest first; at most [`TOP_LENGTH`] each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Top {
    /// By use of the processor.
    pub(crate) cpu: Vec<u32>,
    /// By use of the memory.
    pub(crate) memory: Vec<u32>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: u32,
    /// The name of its program.
    pub(crate) name: String,
    /// Whose it is: a name, or an id where there is no name for it.
    pub(crate) user: String,
    /// Use of the processor since the scan before, in percent of one core.
    pub(crate) cpu: f64,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
    /// Its command line; its name in brackets where it has none.
    pub(crate) command: String,
}

/// That a process has come or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProcessEvent {
    /// Which of the two.
    pub(crate) event: ProcessChange,
    /// The id of the process.
    pub(crate) pid: u32,
    /// The name of its program.
    pub(crate) name: String,
}

/// What has happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProcessChange {
    /// It was not there at the scan before.
    Started,
    /// It is there no more.
    Stopped,
}

/// What a scan reads of one process.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The process itself; its `cpu` is computed here.
    pub(crate) process: Process,
    /// When it started, in seconds since 1970: tells it from a later process of the same id.
    pub(crate) started: u64,
    /// The processor time that it has used, in milliseconds.
    pub(crate) cpu_time: u64,
    /// Whether it is a thread of the kernel, which come and go all the time.
    pub(crate) kernel: bool,
}

/// All processes, as of the last scan.
#[derive(Debug)]
pub(crate) struct ProcessTable {
    cores: usize,
    scanned: Option<Instant>,
    readings: HashMap<u32, Reading>,
}

impl ProcessTable {
    /// An empty table for a host with so many logical processors.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            cores,
            scanned: None,
            readings: HashMap::new(),
        }
    }

    /// Takes the processes found by a scan at `now`. Returns which have come and gone since the scan
    /// before, threads of the kernel left out: at most [`EVENTS_MAX`], the newest processes first.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        readings: impl IntoIterator<Item = Reading>,
    ) -> Vec<ProcessEvent> {
        let elapsed = self
            .scanned
            .map(|before| now.saturating_duration_since(before).as_millis());
        let mut before = std::mem::take(&mut self.readings);
        let mut started = Vec::new();
        let mut stopped = Vec::new();

        for mut reading in readings {
            let pid = reading.process.pid;
            let old = before.remove(&pid);
            let (same, replaced) = match old {
                Some(old) if old.started == reading.started => (Some(old), None),
                other => (None, other),
            };
            let used = same.as_ref().map_or(0, |same| same.cpu_time);
            let used = reading.cpu_time.saturating_sub(used);
            reading.process.cpu = elapsed.map_or(0.0, |elapsed| self.usage(used, elapsed));
            reading.process.shorten();
            if same.is_none() {
                started.push((reading.started, pid));
            }
            stopped.extend(replaced);
            self.readings.insert(pid, reading);
        }
        stopped.extend(before.into_values());

        if self.scanned.replace(now).is_none() {
            return Vec::new();
        }
        started.sort_unstable_by_key(|&key| Reverse(key));
        let started = started.iter().filter_map(|(_, pid)| self.readings.get(pid));
        stopped.sort_unstable_by_key(|old| Reverse((old.started, old.process.pid)));
        events(
            started
                .filter_map(|reading| reading.event(ProcessChange::Started))
                .collect(),
            stopped
                .iter()
                .filter_map(|reading| reading.event(ProcessChange::Stopped))
                .collect(),
        )
    }

    /// Percent of one core that `used` milliseconds of processor time in `elapsed` are.
    fn usage(&self, used: u64, elapsed: u128) -> f64 {
        let percent = used as f64 / elapsed.max(1) as f64 * 100.0;
        // More than the host has is the time from before an old process could be seen.
        if percent > self.cores as f64 * 110.0 {
            0.0
        } else {
            tenth(percent)
        }
    }

    /// The processes that `view` selects, and the tops.
    pub(crate) fn select(&self, view: &ProcessView) -> Processes {
        let mut all: Vec<&Process> = self
            .readings
            .values()
            .map(|reading| &reading.process)
            .collect();
        let top = Top {
            cpu: order(&mut all, Sort::Cpu, true, TOP_LENGTH),
            memory: order(&mut all, Sort::Memory, true, TOP_LENGTH),
        };
        let total = all.len();
        if !view.filter.is_empty() {
            let filter = view.filter.to_lowercase();
            all.retain(|process| process.matches(&filter));
        }
        let order = order(&mut all, view.sort, view.descending, view.limit);
        let table = order
            .iter()
            .chain(&top.cpu)
            .chain(&top.memory)
            .filter_map(|pid| Some((pid.to_string(), self.readings.get(pid)?.process.clone())))
            .collect();
        Processes {
            view: view.clone(),
            total,
            matched: all.len(),
            order,
            table,
            top,
        }
    }
}

impl Reading {
    fn event(&self, event: ProcessChange) -> Option<ProcessEvent> {
        let Process { pid, ref name, .. } = self.process;
        (!self.kernel).then(|| ProcessEvent {
            event,
            pid,
            name: name.clone(),
        })
    }
}

impl Process {
    /// Whether a lower-case filter selects this process.
    fn matches(&self, filter: &str) -> bool {
        [&self.name, &self.command, &self.user]
            .iter()
            .any(|text| text.to_lowercase().contains(filter))
            || self.pid.to_string() == filter
    }

    /// How this process compares to another one, smallest first.
    fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        match sort {
            Sort::Cpu => self.cpu.total_cmp(&other.cpu),
            Sort::Memory => self.memory.cmp(&other.memory),
            Sort::Name => lowercase(&self.name).cmp(lowercase(&other.name)),
            Sort::Pid => self.pid.cmp(&other.pid),
        }
    }

    fn shorten(&mut self) {
        if self.command.is_empty() {
            self.command = format!("[{}]", self.name);
        }
        cut(&mut self.name, NAME_LENGTH);
        cut(&mut self.user, NAME_LENGTH);
        cut(&mut self.command, COMMAND_LENGTH);
    }
}

/// Sorts, and returns the first `limit` ids. Equals stay in the order of their ids, so that idle
/// processes keep their places.
fn order(processes: &mut [&Process], sort: Sort, descending: bool, limit: usize) -> Vec<u32> {
    processes.sort_unstable_by(|a, b| {
        let ordering = a.compare(b, sort);
        let ordering = if descending {
            ordering.reverse()
        } else {
            ordering
        };
        ordering.then(a.pid.cmp(&b.pid))
    });
    processes
        .iter()
        .take(limit)
        .map(|process| process.pid)
        .collect()
}

/// At most [`EVENTS_MAX`] events, half of them for each kind unless the other has fewer.
fn events(mut started: Vec<ProcessEvent>, mut stopped: Vec<ProcessEvent>) -> Vec<ProcessEvent> {
    const HALF: usize = EVENTS_MAX / 2;
    stopped.truncate(HALF.max(EVENTS_MAX.saturating_sub(started.len())));
    started.truncate(EVENTS_MAX - stopped.len());
    started.append(&mut stopped);
    started
}

fn lowercase(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Cuts a text to so many characters; an ellipsis tells.
fn cut(text: &mut String, length: usize) {
    if let Some((end, _)) = text.char_indices().nth(length) {
        text.truncate(end);
        text.pop();
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ViewChange;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn reading(pid: u32, name: &str, cpu_time: u64, memory: u64) -> Reading {
        let process = Process {
            pid,
            name: name.into(),
            user: "root".into(),
            cpu: 0.0,
            memory,
            command: format!("/usr/bin/{name} --flag"),
        };
        Reading {
            process,
            started: 100,
            cpu_time,
            kernel: false,
        }
    }

    fn view(change: &Value) -> ProcessView {
        let mut view = ProcessView::default();
        view.apply(ViewChange::from_json(change).unwrap());
        view
    }

    /// Two scans, one second apart.
    fn table() -> ProcessTable {
        let start = Instant::now();
        let mut table = ProcessTable::new(2);
        let scan = |used: u64| {
            [
                reading(1, "init", 0, 10),
                reading(20, "Browser", used, 900),
                reading(30, "build", 2 * used, 300),
                reading(31, "database", 0, 2000),
                reading(32, "editor", 0, 300),
                reading(33, "shell", used / 2, 20),
                reading(34, "agent", 0, 30),
            ]
        };
        assert_eq!(table.update(start, scan(0)), []);
        assert_eq!(table.update(start + Duration::from_secs(1), scan(500)), []);
        table
    }

    #[test]
    fn measures_use_between_scans() {
        let processes = table().select(&ProcessView::default());
        assert_eq!(processes.table["30"].cpu, 100.0);
        assert_eq!(processes.table["20"].cpu, 50.0);
        assert_eq!(processes.table["33"].cpu, 25.0);
        assert_eq!(processes.order, [30, 20, 33, 1, 31, 32, 34]);
        assert_eq!(processes.top.cpu, [30, 20, 33, 1, 31]);
        assert_eq!(processes.top.memory, [31, 20, 30, 32, 34]);
        assert_eq!((processes.total, processes.matched), (7, 7));
    }

    #[test]
    fn orders_as_told() {
        let table = table();
        let check = |change: Value, expect: &[u32]| {
            assert_eq!(table.select(&view(&change)).order, expect, "{change}");
        };
        check(json!({"sort": "memory"}), &[31, 20, 30, 32, 34, 33, 1]);
        check(
            json!({"sort": "memory", "descending": false}),
            &[1, 33, 34, 30, 32, 20, 31],
        );
        check(
            json!({"sort": "name", "descending": false}),
            &[34, 20, 30, 31, 32, 1, 33],
        );
        check(json!({"sort": "pid"}), &[34, 33, 32, 31, 30, 20, 1]);
        check(
            json!({"sort": "pid", "descending": false, "limit": 2}),
            &[1, 20],
        );
        check(
            json!({"filter": "B", "sort": "pid", "descending": false, "limit": 2}),
            &[1, 20],
        );
        check(json!({"filter": "bRoW"}), &[20]);
        check(json!({"filter": "bin/EDIT"}), &[32]);
        check(json!({"filter": "3"}), &[]);
        check(json!({"filter": "31"}), &[31]);
        check(json!({"filter": "nothing"}), &[]);
    }

    #[test]
    fn shows_exactly_what_is_ordered_or_on_top() {
        let processes = table().select(&view(&json!({"filter": "agent", "limit": 1})));
        assert_eq!((processes.total, processes.matched), (7, 1));
        let pids: Vec<&str> = processes.table.keys().map(String::as_str).collect();
        assert_eq!(pids, ["1", "20", "30", "31", "32", "33", "34"]);

        let mut many = ProcessTable::new(1);
        many.update(Instant::now(), (0..1000).map(|pid| reading(pid, "p", 0, 0)));
        let processes = many.select(&view(&json!({"limit": 100})));
        assert_eq!(processes.order.len(), 100);
        assert_eq!(processes.table.len(), 100);
        assert_eq!(processes.total, 1000);
    }

    #[test]
    fn tells_what_came_and_went() {
        let start = Instant::now();
        let mut table = ProcessTable::new(2);
        let kernel = |pid| Reading {
            kernel: true,
            ..reading(pid, "kworker", 0, 0)
        };
        table.update(
            start,
            [reading(1, "a", 0, 0), reading(2, "b", 0, 0), kernel(9)],
        );

        let again = Reading {
            started: 200,
            ..reading(2, "again", 700, 0)
        };
        let told = table.update(
            start + Duration::from_secs(1),
            [
                reading(1, "a", 0, 0),
                again,
                reading(3, "c", 0, 0),
                kernel(8),
            ],
        );
        let told = serde_json::to_value(told).unwrap();
        assert_eq!(
            told,
            json!([
                {"event": "started", "pid": 2, "name": "again"},
                {"event": "started", "pid": 3, "name": "c"},
                {"event": "stopped", "pid": 2, "name": "b"},
            ]),
        );
        // A process that is new has used its whole time since the scan before.
        assert_eq!(table.select(&ProcessView::default()).table["2"].cpu, 70.0);
    }

    #[test]
    fn tells_no_more_than_the_bound() {
        let check = |start: u32, stop: u32, expect: (usize, usize)| {
            let mut table = ProcessTable::new(2);
            let now = Instant::now();
            table.update(now, (0..stop).map(|pid| reading(pid, "old", 0, 0)));
            let new = (stop..stop + start).map(|pid| reading(pid, "new", 0, 0));
            let told = table.update(now + Duration::from_secs(1), new);
            let started = told
                .iter()
                .filter(|told| told.event == ProcessChange::Started)
                .count();
            assert_eq!((started, told.len() - started), expect);
            if start > 0 {
                assert_eq!(told[0].pid, stop + start - 1, "the newest first");
            }
        };
        check(3, 4, (3, 4));
        check(50, 50, (10, 10));
        check(50, 0, (20, 0));
        check(0, 50, (0, 20));
        check(50, 3, (17, 3));
        check(3, 50, (3, 17));
    }

    #[test]
    fn does_not_believe_more_than_the_host_has() {
        let start = Instant::now();
        let mut table = ProcessTable::new(2);
        table.update(start, []);
        table.update(
            start + Duration::from_secs(1),
            [reading(5, "old", 3_600_000, 0)],
        );
        assert_eq!(table.select(&ProcessView::default()).table["5"].cpu, 0.0);
    }

    #[test]
    fn keeps_texts_short() {
        let mut table = ProcessTable::new(1);
        let mut long = reading(7, &"ä".repeat(500), 0, 0);
        long.process.command = "ö".repeat(5000);
        let mut silent = reading(8, "kthreadd", 0, 0);
        silent.process.command = String::new();
        table.update(Instant::now(), [long, silent]);
        let processes = table.select(&ProcessView::default());
        assert_eq!(processes.table["7"].name.chars().count(), NAME_LENGTH);
        assert_eq!(processes.table["7"].command.chars().count(), COMMAND_LENGTH);
        assert!(processes.table["7"].command.ends_with("ö…"));
        assert_eq!(processes.table["8"].command, "[kthreadd]");
    }
}
