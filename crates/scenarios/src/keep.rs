//! Which hosts stay at the end, and how does one enter them?

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use netlab::{Lab, Level};

use crate::findings::KeptHost;

/// The labs of a run that stay after their stories; a clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<KeptLab>>>);

#[derive(Debug)]
struct KeptLab {
    lab: Lab,
    made_by: ThreadId,
    story: Option<String>,
}

impl Kept {
    /// Keeps a lab.
    pub fn keep(&self, lab: &Lab) {
        let kept = KeptLab { lab: lab.clone(), made_by: thread::current().id(), story: None };
        self.lock().push(kept);
    }

    /// Says that a story is over: what this thread has made since the last one was for it.
    pub fn story_is_over(&self, story: &str) {
        let me = thread::current().id();
        let of_it = |kept: &&mut KeptLab| kept.story.is_none() && kept.made_by == me;
        for kept in self.lock().iter_mut().filter(of_it) {
            kept.story = Some(story.to_owned());
        }
    }

    /// Every host of every lab.
    pub fn hosts(&self) -> io::Result<Vec<KeptHost>> {
        let mut hosts = Vec::new();
        for KeptLab { lab, story, .. } in self.lock().iter() {
            for name in lab.host_names() {
                let host = lab.host(&name);
                let pid = host.thread_id()?;
                hosts.push(KeptHost {
                    story: story.clone(),
                    host: name.clone(),
                    address: host.address().to_string(),
                    pid,
                    command: entering(lab.level(), pid),
                });
            }
        }
        Ok(hosts)
    }

    /// Lets them go.
    pub fn let_go(&self) {
        let labs = std::mem::take(&mut *self.lock());
        drop(labs);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<KeptLab>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The command that enters a host, given its thread's number (nsenter(1)).
fn entering(level: Level, pid: u32) -> String {
    match level {
        // The namespace belongs to a user namespace, in which whoever made it is root.
        Level::L0 => format!("nsenter --preserve-credentials --user --net --target {pid}"),
        Level::L1 | Level::L2 => format!("nsenter --net --target {pid}"),
    }
}
