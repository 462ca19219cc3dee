//! How much of the server's memory a silent client takes.
//!
//! Each is logged in and in a room of ten, as a person would be who waits for a word.

use std::io;

use crate::memory;
use crate::relay::client::{Client, Target};
use crate::relay::crowd::new_room;

/// How many share a room.
const ROOM: usize = 10;

/// The bytes that each of `connections` silent clients takes of a server that nobody has used.
pub fn run(target: Target, pid: u32, connections: usize) -> io::Result<f64> {
    let mut room = String::new();
    let mut at = 0;
    memory::of_each(pid, target.address, connections, |stream| {
        if at % ROOM == 0 {
            room = new_room();
        }
        at += 1;
        let mut client = Client::over(stream, target.speech)?;
        client.enter(&room, true)?;
        client.inbox.release();
        Ok(client)
    })
}
