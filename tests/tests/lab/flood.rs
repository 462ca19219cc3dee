//! The demo `flood`, with its knob turned the wrong way: its checks can fail.

use crate::{events, failed_checks, has_namespaces, scenarios};

/// A server with cookies serves its client where it should not, one without turns it away.
#[test]
fn cookies_decide_whether_the_client_is_served() {
    if !has_namespaces() {
        return;
    }
    for (cookies, fail, hold) in
        [("1", "no-cookies-client", "cookies-client"), ("0", "cookies-client", "no-cookies-client")]
    {
        let knob = format!("tcp_syncookies={cookies}");
        let finished = scenarios(&["run", "flood", "--json", "--set", &knob]);
        assert_eq!(finished.code, 1, "{}", finished.stderr);
        let events = events(&finished);
        let failed = failed_checks(&events);
        assert!(failed.contains(&fail), "{fail} is not among {failed:?}");
        assert!(!failed.contains(&hold), "{failed:?}");
        // Nothing was measured without the pool, so nothing is said about it.
        let claim = events.iter().find(|event| event["event"] == "claim").unwrap();
        assert_eq!(claim["verdict"], "partly", "{claim}");
    }
}
