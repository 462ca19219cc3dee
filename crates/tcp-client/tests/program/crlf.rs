//! `--crlf`: lines end in CR LF, as HTTP and SMTP want them.

use crate::support::{Peer, read_to_end, start};

#[track_caller]
fn check(args: &[&str], expected: &[u8]) {
    let server = Peer::listen();
    let addr = server.target();
    let mut client = start(&[&[addr.as_str()], args].concat());
    client.write(b"GET / HTTP/1.0\nHost: h\r\n\n");
    client.close_stdin();
    assert_eq!(read_to_end(&mut server.accept()), expected);
    client.finish().silent();
}

#[test]
fn a_bare_line_feed_gets_its_carriage_return() {
    check(&["--crlf"], b"GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    check(&["-C"], b"GET / HTTP/1.0\r\nHost: h\r\n\r\n");
}

#[test]
fn without_it_the_bytes_stay_as_they_are() {
    check(&[], b"GET / HTTP/1.0\nHost: h\r\n\n");
}
