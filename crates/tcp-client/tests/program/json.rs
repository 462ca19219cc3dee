//! The events of a conversation, as other programs rely on them.

use std::io::{Read as _, Write as _};

use crate::support::{Peer, read_to_end, start};

#[test]
fn connected_then_data_then_end() {
    let server = Peer::listen();
    let mut client = start(&["--format", "json", &server.target()]);
    client.write("你好\n".as_bytes());
    let mut peer = server.accept();
    let local = peer.peer_addr().unwrap().to_string();
    peer.read_exact(&mut [0; 7]).unwrap();
    peer.write_all("再见\n".as_bytes()).unwrap();
    client.stdout.wait_for("data");
    peer.write_all(b"\xff\x1b").unwrap();
    client.close_stdin();
    assert_eq!(read_to_end(&mut peer), b"");
    drop(peer);
    let done = client.finish();
    done.silent();
    let events = done.events();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["connected", "data", "data", "end"]);
    let [connected, first, second, end] = &events[..] else { unreachable!("counted above") };
    assert_eq!(connected["schema"], "tcp-client/1");
    assert_eq!(connected["peer"], server.target());
    assert_eq!(connected["local"], local);
    assert_eq!(connected["attempt"], 1);
    assert!(connected["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!((&first["bytes"], &first["text"]), (&7.into(), &"再见\n".into()));
    assert_eq!((&second["bytes"], &second["text"]), (&2.into(), &"\u{fffd}\u{1b}".into()));
    assert_eq!(end["ending"], "PeerFin");
    assert_eq!((&end["sent"], &end["received"]), (&7.into(), &9.into()));
    assert!(end["seconds"].as_f64().unwrap() > 0.0);
    assert!(end.get("error").is_none() && end.get("schema").is_none());
    assert!(events.iter().all(|event| event["ts"].as_str().unwrap().ends_with('Z')));
    assert!(!done.stdout.contains(&0x1b), "an event reaches a terminal as text");
}
