//! What a comparison finds out.

use super::workloads::Workload;

/// What a key of one workload cost one server, in one round or as a median.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Microseconds of processor time in its own code.
    pub user_us: f64,
    /// The same in the kernel.
    pub system_us: f64,
    /// How many were done.
    pub keys_per_second: f64,
    /// Latency of requests.
    pub p99_us: f64,
    /// Whether it was the generator that could not go faster.
    pub generator_was_the_limit: bool,
}

impl Cost {
    /// User and system.
    pub fn sum_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

/// A row of the result.
pub struct Row {
    /// What was done.
    pub workload: &'static Workload,
    /// Medians, of each server.
    pub costs: Vec<Cost>,
    /// What it costs the other server, as a multiple of what it costs the first one.
    pub ratio: Option<f64>,
}

/// Everything that was found out.
pub struct Comparison {
    /// How the servers are called, the first one first.
    pub names: Vec<String>,
    /// A row for each workload.
    pub rows: Vec<Row>,
    /// Where and how it was measured, in sentences.
    pub how: String,
}
