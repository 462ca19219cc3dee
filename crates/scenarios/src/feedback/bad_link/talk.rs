//! Who talks over a bad link: two people, and one who sends a file.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use netlab::Lab;
use netlab::clock::Moment;
use netlab::program::exit_code;
use serde_json::Value;

use crate::findings::Series;
use crate::observe::Observer;
use crate::reliable_pair::RELIABLE_PORT;
use crate::scratch::Scratch;
use crate::stage::{Actor, Stage, Trouble, UDP_PORT, until_within};

/// How many lines each person types once the cable is whole again, at the most in all, and the pause between
/// two.
const AFTER: usize = 5;
const MOST_LINES: usize = 400;
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// How long anything may take: some seconds, on a link that loses a tenth, and more where a machine is busy or
/// the same packet is lost again and again.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file: enough not to be over when the cable is cut.
pub(super) const NAME: &str = "photo.jpg";
pub(super) const SIZE: usize = 150_000;

/// Lines that are heard within so many milliseconds are drawn as one change.
const AT_ONCE_MS: f64 = 10.0;

/// Two people who talk.
pub(super) struct Chat {
    pub(super) people: [Actor; 2],
    /// Where each is.
    pub(super) ends: [SocketAddr; 2],
    /// How many lines each has typed, once that is over.
    pub(super) typed: [usize; 2],
}

impl Chat {
    pub(super) fn begin(stage: &Stage, lab: &Lab, scratch: &Scratch) -> Result<Self, Trouble> {
        let ends = ["client", "server"]
            .map(|host| SocketAddr::new(lab.host(host).address().into(), UDP_PORT));
        let start = |host, name, own: SocketAddr, other: SocketAddr| {
            let args = ["chat", &own.to_string(), &other.to_string()];
            let person = stage.private_peer(lab, (host, name), &scratch.path(name), &args)?;
            person.expect("listening")?;
            Ok::<Actor, Trouble>(person)
        };
        let alice = start("client", "alice", ends[0], ends[1])?;
        let bob = start("server", "bob", ends[1], ends[0])?;
        Ok(Self { people: [alice, bob], ends, typed: [0; 2] })
    }

    /// Waits until all is heard and known to be, and has both leave.
    pub(super) fn end(&mut self) -> Result<Vec<Option<i32>>, Trouble> {
        until_within(PATIENCE, "all that was said", || {
            let [alice, bob] = &self.people;
            let [by_alice, by_bob] = self.typed;
            let is_done = |person: &Actor, typed, others| {
                let count = |event| person.events(event).len();
                count("message") >= others && count("confirmed") >= typed
            };
            let both = is_done(alice, by_alice, by_bob) && is_done(bob, by_bob, by_alice);
            Ok(both.then_some(()))
        })?;
        let mut exits = Vec::new();
        for person in &mut self.people {
            person.say("q")?;
            exits.push(person.exit()?);
        }
        Ok(exits)
    }

    /// When each line was heard: by Alice, and by Bob.
    fn heard(&self) -> [Vec<Moment>; 2] {
        self.people.each_ref().map(|person| {
            let events = person.timed_events().into_iter();
            events.filter(|(_, event)| event["event"] == "message").map(|(at, _)| at).collect()
        })
    }

    /// Seconds from a moment until Alice heard a line, and until Bob did.
    pub(super) fn first_after(&self, moment: Moment) -> [Option<f64>; 2] {
        self.heard().map(|heard| {
            let first = heard.into_iter().find(|at| *at >= moment)?;
            Some(first.since(moment).as_secs_f64())
        })
    }

    pub(super) fn series(&self, observer: &Observer) -> Series {
        let mut heard = self.heard().concat();
        heard.sort_unstable();
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (number, at) in heard.into_iter().enumerate() {
            let point = (observer.millis(at), (number + 1) as f64);
            // What comes at once is one change.
            match points.last_mut() {
                Some(last) if point.0 - last.0 < AT_ONCE_MS => last.1 = point.1,
                _ => points.push(point),
            }
        }
        let says = "lines that the two have heard".into();
        Series { says, unit: "lines".into(), points }
    }
}

/// Types a line after the other until it is time to stop, and a few more; gives how many.
pub(super) fn type_lines(person: &mut Actor, is_time: &AtomicBool) -> Result<usize, Trouble> {
    let (mut typed, mut left) = (0, AFTER);
    while left > 0 && typed < MOST_LINES {
        typed += 1;
        left -= usize::from(is_time.load(Ordering::Relaxed));
        person.say(&line(typed))?;
        thread::sleep(PAUSE);
    }
    Ok(typed)
}

pub(super) fn line(number: usize) -> String {
    format!("第{number}行")
}

pub(super) fn texts(person: &Actor) -> Vec<String> {
    let text = |event: &Value| event["text"].as_str().unwrap_or_default().to_owned();
    person.events("message").iter().map(text).collect()
}

/// A file on its way.
pub(super) struct Sending {
    sender: Actor,
    receiver: Actor,
    pub(super) from: Vec<u8>,
    /// What is there in the end.
    pub(super) to: Vec<u8>,
    inbox: PathBuf,
}

impl Sending {
    pub(super) fn begin(stage: &Stage, lab: &Lab, scratch: &Scratch) -> Result<Self, Trouble> {
        let inbox = scratch.path("inbox");
        fs::create_dir(&inbox).map_err(Trouble::io("make a folder"))?;
        let from: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
        let outgoing = scratch.path(NAME);
        fs::write(&outgoing, &from).map_err(Trouble::io("write a file"))?;
        let to = SocketAddr::new(lab.host("server").address().into(), RELIABLE_PORT).to_string();
        let words = |path: &Path| path.to_string_lossy().into_owned();
        let args = ["recv-file", &to, "--dir", &words(&inbox)];
        let receiver =
            stage.private_peer(lab, ("server", "recv-file"), &scratch.path("receiver"), &args)?;
        receiver.expect("listening")?;
        let args = ["send-file", &words(&outgoing), "--to", &to];
        let sender =
            stage.private_peer(lab, ("client", "send-file"), &scratch.path("sender"), &args)?;
        Ok(Self { sender, receiver, from, to: Vec::new(), inbox })
    }

    /// Waits until some of it is in the receiver's folder.
    pub(super) fn has_begun(&self) -> Result<(), Trouble> {
        until_within(PATIENCE, "some of the file", || {
            let entries = fs::read_dir(&self.inbox).map_err(Trouble::io("read a folder"))?;
            let lengths = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
            Ok((lengths.sum::<u64>() > 0).then_some(()))
        })
    }

    pub(super) fn end(&mut self) -> Result<Vec<Option<i32>>, Trouble> {
        let exit = |actor: &mut Actor| {
            let ended = actor.program.wait(PATIENCE).map_err(Trouble::io("wait for a transfer"))?;
            Ok::<Option<i32>, Trouble>(ended.map(exit_code))
        };
        let exits = vec![exit(&mut self.sender)?, exit(&mut self.receiver)?];
        self.to = fs::read(self.inbox.join(NAME)).unwrap_or_default();
        Ok(exits)
    }

    pub(super) fn series(&self, observer: &Observer) -> Series {
        let point = |(at, event): (Moment, Value)| Some((observer.millis(at), come(&event)?));
        let points = self.receiver.timed_events().into_iter();
        Series {
            says: "bytes of the file that have come".into(),
            unit: "bytes".into(),
            points: points.filter_map(point).collect(),
        }
    }
}

/// How many bytes of the file have come, as the receiver tells of its progress, and last that it keeps the whole.
fn come(event: &Value) -> Option<f64> {
    matches!(event["event"].as_str(), Some("progress" | "kept")).then(|| event["bytes"].as_f64())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_that_is_kept_has_come_as_a_whole() {
        let events = [
            json!({"event": "listening", "addr": "10.0.0.2:7880"}),
            json!({"event": "progress", "path": NAME, "bytes": 131_072, "total": SIZE}),
            json!({"event": "kept", "path": NAME, "bytes": SIZE, "folder": false}),
            json!({"event": "end", "exit": 0, "files": 1, "bytes": 18_928}),
        ];
        let come: Vec<f64> = events.iter().filter_map(come).collect();
        assert_eq!(come, [131_072.0, 150_000.0]);
    }
}
