//! The load generator against servers that send back what they get, and against those that do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bench::load::Amount;
use bench::{bare_echo, load};

const TIME: Duration = Duration::from_millis(20);
const FOR: Amount = Amount::For(TIME);

/// Serves every connection with `serve`, until the test ends.
fn server(serve: fn(TcpStream) -> std::io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Sends back what it gets, after `change` has been at it.
fn echo(mut stream: TcpStream, change: fn(&mut [u8])) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        change(&mut buffer[..read]);
        stream.write_all(&buffer[..read])?;
    }
}

#[test]
fn the_bare_echo_sends_back_what_it_gets() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(bare_echo::serve(|address| sender.send(address.to_owned()).unwrap()))
    });
    let address = receiver.recv_timeout(Duration::from_secs(10)).unwrap().parse().unwrap();
    for connections in [1, 5] {
        let echoed = load::request_reply(address, connections, 64, TIME).unwrap();
        assert!(echoed.frames > 0);
        assert_eq!(echoed.bytes, echoed.frames * 104);
        assert_eq!(echoed.frames % connections as u64, 0);
        assert!(echoed.elapsed >= TIME);
    }
    let echoed = load::bulk(address, 64 * 1024, FOR).unwrap();
    assert!(echoed.frames > 0);
    assert!(echoed.elapsed >= TIME);
    for frames in [1, 10_000] {
        let echoed = load::bulk(address, 1024, Amount::Frames(frames)).unwrap();
        assert_eq!((echoed.frames, echoed.bytes), (frames, frames * 1064));
    }
}

#[test]
fn an_echo_that_differs_in_one_bit_is_no_echo() {
    let address = server(|stream| echo(stream, |bytes| *bytes.last_mut().unwrap() ^= 1));
    for result in [load::request_reply(address, 2, 64, TIME), load::bulk(address, 64, FOR)] {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "the server sent back something else than it got");
    }
}

#[test]
fn a_server_that_closes_early_is_an_error() {
    let address = server(|mut stream| {
        let mut some = vec![0; 4 * 1024 * 1024];
        let read = stream.read(&mut some)?;
        stream.write_all(&some[..read])
    });
    load::request_reply(address, 1, 64, TIME).unwrap_err();
    load::bulk(address, 64 * 1024, FOR).unwrap_err();
}

#[test]
fn a_server_that_keeps_the_end_to_itself_is_an_error() {
    let address = server(|mut stream| {
        let mut kept = Vec::new();
        let mut buffer = vec![0; 65_536];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            kept.extend_from_slice(&buffer[..read]);
            let rest = kept.split_off(kept.len().saturating_sub(100));
            stream.write_all(&kept)?;
            kept = rest;
        }
    });
    let error = load::bulk(address, 64 * 1024, FOR).unwrap_err();
    assert_eq!(error.to_string(), "the server closed before it sent everything back");
}

#[test]
fn bulk_is_compared_beyond_its_first_block() {
    // The sender's frames repeat after a little more than 1 MiB; one block in eight is compared.
    let address = server(|mut stream| {
        let mut buffer = vec![0; 65_536];
        let mut total = 0;
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            total += read;
            if total > 4 << 20 {
                buffer[read / 2] ^= 1;
            }
            stream.write_all(&buffer[..read])?;
        }
    });
    let error = load::bulk(address, 64 * 1024, Amount::Frames(1000)).unwrap_err();
    assert_eq!(error.to_string(), "the server sent back something else than it got");
}
