//! IPv6 is spoken as IPv4 is.

use std::net::UdpSocket;

use tests::skip;

use crate::support::{peer, start_with_events, take, take_text};

fn there_is_ipv6() -> bool {
    let there = UdpSocket::bind("[::1]:0").is_ok();
    if !there {
        skip("there is no IPv6 here");
    }
    there
}

#[test]
fn what_is_sent_over_ipv6_is_received() {
    if !there_is_ipv6() {
        return;
    }
    let (mut receiver, addr) = start_with_events(&["recv", "[::1]:0"]);
    assert!(addr.starts_with("[::1]:"), "{addr}");
    let (mut sender, local) = start_with_events(&["send", &addr]);
    sender.write("你好\n".as_bytes());
    assert_eq!(take_text(&mut receiver, "你好")["from"], *local);
    // The largest there is: IPv6 has room for 20 bytes more than IPv4.
    sender.write(&[&vec![b'x'; 65_527][..], b"\n"].concat());
    let largest = take(&mut receiver, "datagram");
    assert_eq!((&largest["bytes"], &largest["cut"]), (&65_527.into(), &false.into()));
    sender.write(&[&vec![b'x'; 65_528][..], b"\n"].concat());
    assert_eq!(take(&mut sender, "not_sent")["kind"], "too_long");
}

#[test]
fn host_and_port_may_stand_apart() {
    if !there_is_ipv6() {
        return;
    }
    let (mut receiver, addr) = start_with_events(&["recv", "[::1]:0"]);
    let port = addr.rsplit(':').next().unwrap();
    let (mut sender, _) = start_with_events(&["send", "::1", port]);
    sender.write(b"hi\n");
    take_text(&mut receiver, "hi");
}

#[test]
fn a_port_of_ipv6_where_nobody_receives_is_told() {
    if !there_is_ipv6() {
        return;
    }
    let deaf = UdpSocket::bind("[::1]:0").unwrap();
    deaf.connect(deaf.local_addr().unwrap()).unwrap();
    let addr = deaf.local_addr().unwrap().to_string();
    let (mut sender, _) = start_with_events(&["send", &addr]);
    sender.write(b"hi\n");
    assert_eq!(take(&mut sender, "unreachable")["peer"], *addr);
}

/// A socket of IPv6 may receive IPv4 too; who sent is then named as everywhere else.
#[test]
fn an_ipv4_sender_is_named_as_one() {
    if !there_is_ipv6() {
        return;
    }
    let (mut receiver, addr) = start_with_events(&["recv", "[::]:0"]);
    let port = addr.rsplit(':').next().unwrap();
    let sender = peer();
    sender.send_to(b"hi", format!("127.0.0.1:{port}")).unwrap();
    let from = sender.local_addr().unwrap().to_string();
    assert_eq!(take_text(&mut receiver, "hi")["from"], *from);
}
