//! The data model of a sample: the JSON that browsers mirror.
//!
//! Every value is rounded to what a reader can use, so that what did not really change serialises
//! to the same text and costs no diff: percentages and degrees to 0.1, rates to whole bytes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Processes, history::History};

/// Everything that is known of this host at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// What the machine is; does not change while it runs.
    pub(crate) host: Host,
    /// When this sample was taken.
    pub(crate) sample: Timing,
    /// Use of the processors.
    pub(crate) cpu: Cpu,
    /// Use of the main memory.
    pub(crate) memory: Memory,
    /// Use of the swap space; all zero where there is none.
    pub(crate) swap: Swap,
    /// Mounted disks by mount point.
    pub(crate) disks: BTreeMap<String, Disk>,
    /// Network interfaces by name.
    pub(crate) networks: BTreeMap<String, Network>,
    /// Temperature sensors by label; empty where there are none.
    pub(crate) temperatures: BTreeMap<String, Temperature>,
    /// Seconds since the machine started.
    pub(crate) uptime: u64,
    /// The processes that the view selects.
    pub(crate) processes: Processes,
}

/// What the machine is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Host {
    /// Its host name.
    pub(crate) name: String,
    /// The operating system and its version.
    pub(crate) os: String,
    /// The version of the kernel.
    pub(crate) kernel: String,
    /// The brand of the processor.
    pub(crate) cpu: String,
    /// How many logical processors there are.
    pub(crate) cores: usize,
    /// When it started, in seconds since 1970.
    pub(crate) booted: u64,
}

/// When a sample was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Timing {
    /// Milliseconds since 1970, by the server's clock.
    pub(crate) time: u64,
    /// Milliseconds between samples.
    pub(crate) period: u64,
    /// How many samples have been taken, this one included.
    pub(crate) count: u64,
}

/// Use of the processors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cpu {
    /// All processors together, percent of 0 to 100.
    pub(crate) total: f64,
    /// Each logical processor, percent of 0 to 100.
    pub(crate) cores: Vec<f64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub(crate) load: [f64; 3],
    /// The last values of `total`.
    pub(crate) history: History<f64>,
}

/// Use of the main memory, in bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Memory {
    /// How much there is.
    pub(crate) total: u64,
    /// How much is taken and cannot be reclaimed.
    pub(crate) used: u64,
    /// How much a new process could have.
    pub(crate) available: u64,
    /// The last shares of `used`, percent.
    pub(crate) history: History<f64>,
}

/// Use of the swap space, in bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Swap {
    /// How much there is.
    pub(crate) total: u64,
    /// How much is taken.
    pub(crate) used: u64,
    /// The last shares of `used`, percent.
    pub(crate) history: History<f64>,
}

/// One mounted disk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Disk {
    /// The device that is mounted.
    pub(crate) device: String,
    /// `SSD`, `HDD` or `Unknown`.
    pub(crate) kind: String,
    /// The type of its file system.
    pub(crate) filesystem: String,
    /// Its size in bytes.
    pub(crate) total: u64,
    /// Bytes that an unprivileged process may still write.
    pub(crate) available: u64,
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Network {
    /// Bytes received per second.
    pub(crate) received: u64,
    /// Bytes sent per second.
    pub(crate) sent: u64,
    /// Bytes received since the interface came up.
    pub(crate) total_received: u64,
    /// Bytes sent since the interface came up.
    pub(crate) total_sent: u64,
    /// The last rates.
    pub(crate) history: NetworkHistory,
}

/// The last rates of a network interface, in bytes per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct NetworkHistory {
    /// The last values of `received`.
    pub(crate) received: History<u64>,
    /// The last values of `sent`.
    pub(crate) sent: History<u64>,
}

/// One temperature sensor, in degrees Celsius.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Temperature {
    /// What it reads.
    pub(crate) celsius: f64,
    /// The highest reading known, if any.
    pub(crate) max: Option<f64>,
    /// The reading at which the machine is in danger, if it is known.
    pub(crate) critical: Option<f64>,
}

/// A measurement rounded to 0.1. What is not a number counts as zero: JSON has no word for it.
pub(crate) fn tenth(value: f64) -> f64 {
    // The addition turns -0.0, which serialises differently, into 0.0.
    if value.is_finite() {
        (value * 10.0).round() / 10.0 + 0.0
    } else {
        0.0
    }
}

/// A share in percent of 0 to 100, rounded to 0.1.
pub(crate) fn percent(value: f64) -> f64 {
    tenth(value).clamp(0.0, 100.0)
}

/// What share of `total` is `part`, in percent rounded to 0.1; zero of nothing is zero.
pub(crate) fn share(part: u64, total: u64) -> f64 {
    if total == 0 {
        0.0
    } else {
        percent(part as f64 / total as f64 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_a_tenth() {
        assert_eq!(tenth(12.34), 12.3);
        assert_eq!(tenth(12.35), 12.4);
        assert_eq!(tenth(f64::NAN), 0.0);
        assert_eq!(tenth(f64::INFINITY), 0.0);
        assert!(tenth(-0.01).is_sign_positive());
        assert_eq!(tenth(-12.34), -12.3);
    }

    #[test]
    fn keeps_percentages_in_range() {
        assert_eq!(percent(100.4), 100.0);
        assert_eq!(percent(-3.0), 0.0);
        assert_eq!(percent(f64::NAN), 0.0);
        assert_eq!(percent(33.333), 33.3);
    }

    #[test]
    fn shares_of_nothing_are_zero() {
        assert_eq!(share(0, 0), 0.0);
        assert_eq!(share(5, 0), 0.0);
        assert_eq!(share(1, 3), 33.3);
        assert_eq!(share(3, 3), 100.0);
    }
}
