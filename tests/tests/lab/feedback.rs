//! The demo `feedback`, with knobs turned the wrong way: its checks can fail.

use crate::{events, failed_checks, has_namespaces, scenarios};

#[track_caller]
fn fails_with(knobs: &[&str], failed: &[&str], unharmed: &[&str]) {
    if !has_namespaces() {
        return;
    }
    let mut args = vec!["run", "feedback", "--json"];
    for knob in knobs {
        args.extend(["--set", knob]);
    }
    let finished = scenarios(&args);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    let wrong = failed_checks(&events);
    for check in failed {
        assert!(wrong.contains(check), "{check} is not among {wrong:?}");
    }
    for check in unharmed {
        assert!(!wrong.contains(check), "{wrong:?}");
    }
}

/// Without SACK a loss is still repaired, by duplicate acknowledgements alone; without probes the last
/// segment waits for the timer. What `udp-peer` does is no affair of the kernel's.
#[test]
fn without_sack_and_probes_a_loss_is_repaired_otherwise() {
    fails_with(
        &["tcp_sack=0", "tcp_early_retrans=0"],
        &["one-loss-sack", "tail-probes", "tail-timeouts", "beside-tail-tcp-probes"],
        &[
            "kept-until-ack",
            "outlives-arrives",
            "user-timeout-aborts",
            "silent-end",
            "beside-tail-udp",
            "beside-tail-udp-probes",
        ],
    );
}

/// A kernel that is told to try five times gives up earlier, in fact and by computation.
#[test]
fn a_less_patient_kernel_gives_up_earlier() {
    fails_with(
        &["tcp_retries2=5"],
        &["given-up-time", "given-up-resent", "silent-end"],
        &["kept-until-ack", "one-loss-sack", "silent-doubling", "given-up-aborts"],
    );
}
