//! Which step the system refused, and what to do about it.

use std::fmt;
use std::fs;
use std::io;

/// A step on the way to a lab, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `unshare(CLONE_NEWUSER)`.
    UserNamespace,
    /// Writing `deny` to `/proc/self/setgroups`.
    SetGroups,
    /// Writing `/proc/self/uid_map`.
    UidMap,
    /// Writing `/proc/self/gid_map`.
    GidMap,
    /// `unshare(CLONE_NEWPID)`.
    PidNamespace,
    /// `fork`: the first process of the new PID namespace.
    Fork,
    /// `unshare(CLONE_NEWNET)`.
    NetNamespace,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 7] = [
        Self::UserNamespace,
        Self::SetGroups,
        Self::UidMap,
        Self::GidMap,
        Self::PidNamespace,
        Self::Fork,
        Self::NetNamespace,
    ];

    /// The step as one would try it by hand.
    pub const fn words(self) -> &'static str {
        match self {
            Self::UserNamespace => "create a user namespace: unshare(CLONE_NEWUSER)",
            Self::SetGroups => "write /proc/self/setgroups",
            Self::UidMap => "write /proc/self/uid_map",
            Self::GidMap => "write /proc/self/gid_map",
            Self::PidNamespace => "create a PID namespace: unshare(CLONE_NEWPID)",
            Self::Fork => "start the first process of the PID namespace: fork",
            Self::NetNamespace => "create a network namespace: unshare(CLONE_NEWNET)",
        }
    }
}

/// The system refused a step.
#[derive(Debug)]
pub struct Refusal {
    /// Which one.
    pub step: Step,
    /// With which error.
    pub error: io::Error,
}

impl Refusal {
    pub(crate) fn new(step: Step, error: impl Into<io::Error>) -> Self {
        Self { step, error: error.into() }
    }

    /// What to do about it, most likely first, from the knobs of this machine as they stand.
    pub fn cures(&self) -> Vec<String> {
        cures(|knob| fs::read_to_string(knob).ok().map(|text| text.trim().to_owned()))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this system refuses to {}: {}", self.step.words(), self.error)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The cures that the knobs ask for; `read` gives a knob's value, or `None` where it does not exist.
fn cures(read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut cures = Vec::new();
    // Ubuntu 24.04 and its runners: the namespace may be made, but its owner has no capability in it.
    if read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        cures.push(
            "kernel.apparmor_restrict_unprivileged_userns is 1; until the next boot: \
             sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
                .to_owned(),
        );
    }
    if read("/proc/sys/user/max_user_namespaces").as_deref() == Some("0") {
        cures.push(
            "user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces=15000"
                .to_owned(),
        );
    }
    if read("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        cures.push(
            "kernel.unprivileged_userns_clone is 0: \
             sudo sysctl -w kernel.unprivileged_userns_clone=1"
                .to_owned(),
        );
    }
    if read("/.dockerenv").is_some() || read("/run/.containerenv").is_some() {
        cures.push(
            "in a container: docker run --security-opt seccomp=unconfined ..., \
             or --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW"
                .to_owned(),
        );
    }
    cures.push("as root it needs no user namespace: run the same command with sudo".to_owned());
    cures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(knob: &str, value: &str, first_cure: &str) {
        let cures = cures(|path| (path == knob).then(|| value.to_owned()));
        assert!(cures[0].contains(first_cure), "{cures:?}");
    }

    #[test]
    fn each_knob_that_is_in_the_way_is_named_with_its_cure() {
        let apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
        check(apparmor, "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
        check(apparmor, "0", "sudo");
        check("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces is 0");
        check("/proc/sys/user/max_user_namespaces", "96000", "sudo");
        check("/proc/sys/kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1");
        check("/.dockerenv", "", "docker run");
        check("", "", "as root");
    }
}
