//! On what the figures were measured.

use std::fs;
use std::thread;

use serde::Serialize;

/// The load average up to which a machine counts as quiet: what a few daemons make of it.
const QUIET: f64 = 0.3;

/// What belongs beside every figure.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The model of the processor.
    pub cpu: String,
    /// How many cores this program may use.
    pub cores: usize,
    /// The release of the kernel.
    pub kernel: String,
    /// The congestion control that its TCP has where nobody asks for another.
    pub congestion: String,
    /// The compiler that built this program.
    pub rustc: &'static str,
    /// Whether it was built with optimization.
    pub optimized: bool,
    /// How many tasks wanted a core in the minute before the run; above a few tenths something else ran.
    pub load_before: Option<f64>,
}

impl Machine {
    /// This machine, now.
    pub fn this() -> Self {
        let proc = |path| fs::read_to_string(format!("/proc/{path}")).unwrap_or_default();
        let cpu = proc("cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
        let load = proc("loadavg");
        Self {
            cpu: model
                .map_or("unknown CPU", |name| name.trim_start_matches([' ', '\t', ':']))
                .into(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: proc("sys/kernel/osrelease").trim().to_owned(),
            congestion: proc("sys/net/ipv4/tcp_congestion_control").trim().to_owned(),
            rustc: env!("BENCH_RUSTC"),
            optimized: !cfg!(debug_assertions),
            load_before: load.split(' ').next().and_then(|load| load.parse().ok()),
        }
    }

    /// Whether something else wanted the cores just before the run, so that the figures are provisional.
    pub fn was_busy(&self) -> bool {
        self.load_before.is_some_and(|load| load > QUIET)
    }

    /// The machine in one line.
    pub fn line(&self) -> String {
        let Self { cpu, cores, kernel, congestion, rustc, .. } = self;
        let load = self.load_before.map(|load| format!(", load before {load:.2}"));
        let warning =
            if self.optimized { "" } else { " (NOT OPTIMIZED: these figures mean nothing)" };
        format!(
            "{cpu}, {cores} cores, Linux {kernel} with {congestion}, {rustc}{}{warning}",
            load.unwrap_or_default()
        )
    }
}

/// The version of the package `name` that this program was built with.
pub fn version_of(name: &str) -> Option<&'static str> {
    let lock = include_str!("../../../Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| {
        entry.lines().any(|line| line.strip_prefix("name = ") == Some(&format!("\"{name}\"")))
    })?;
    let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        assert_eq!(version_of("bench"), Some(env!("CARGO_PKG_VERSION")));
        assert!(version_of("tokio-util").is_some_and(|version| version.starts_with("0.7.")));
        assert_eq!(version_of("no such package"), None);
    }
}
