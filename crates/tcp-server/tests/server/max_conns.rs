//! Who finds the server full waits, and gets in when a chair comes free.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::support::program::Program;
use crate::support::soon;
use crate::support::way::Way;

#[tokio::test]
async fn a_waiting_client_is_served_when_one_leaves() {
    for way in Way::ALL {
        let mut program = Program::over(way, &["--max-conns", "2"]);
        let mut first = way.dial(&program.addr).await;
        first.assert_echoes("first").await;
        let mut second = way.dial(&program.addr).await;
        second.assert_echoes("second").await;

        // The kernel completes its part and keeps what the client says.
        let third = way.knock(&program.addr).await.unwrap();
        let mut served = pin!(async {
            let mut third = third.enter().await;
            third.assert_echoes("third").await;
            third
        });
        assert!(timeout(Duration::from_millis(200), &mut served).await.is_err(), "{way:?}");

        drop(first);
        soon("the third client", served).await;
        second.assert_echoes("still served").await;

        program.event("open");
        program.event("open");
        // The end is told before the next client is let in.
        assert_eq!(program.event("closed")["conn"], 1, "{way:?}");
        assert_eq!(program.event("open")["conn"], 3, "{way:?}");
    }
}
