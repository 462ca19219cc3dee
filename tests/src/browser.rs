//! A browser without a window, to see a page as its reader does.
//!
//! It is driven by the protocol of its developer tools over two pipes (`--remote-debugging-pipe`): a message is JSON that
//! ends with a zero byte.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::foreign::installed;
use crate::skip;

/// The browsers that will do, the smallest first.
const BROWSERS: [&str; 4] =
    ["chromium-headless-shell", "chromium", "google-chrome", "chromium-browser"];

/// How long the browser may take to answer: a hundred times what it takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A browser. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    /// What has happened and nobody has asked for yet.
    events: VecDeque<Value>,
    asked: u64,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// How many pixels the window is wide.
    pub width: u32,
    /// Whether the reader wants it dark.
    pub is_dark: bool,
    /// Whether it is looked at on paper.
    pub is_print: bool,
}

/// A page that is open, with what it did while it was opened.
#[derive(Debug)]
pub struct Page {
    target: String,
    session: String,
    /// Every address that was asked for, the page's own first.
    pub requests: Vec<String>,
    /// Everything that was said on the console.
    pub console: Vec<Value>,
}

impl Browser {
    /// Starts a browser that keeps its files in this folder. Where none is installed, the test says so and
    /// gets `None`, and in CI it has failed: see [`skip`].
    #[track_caller]
    pub fn start(folder: &Path) -> Option<Self> {
        let Some(program) = BROWSERS.iter().find_map(|name| installed(name)) else {
            skip("no chromium is installed: .ci/install programs");
            return None;
        };
        // It reads from descriptor 3 and writes to 4.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"]);
        command.arg(program).arg(format!("--user-data-dir={}", folder.display()));
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            // It opens nothing but what a test has written, and in a container it has no sandbox to make.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let from = messages(child.stdout.take().unwrap());
        Some(Self { child, to, from, events: VecDeque::new(), asked: 0 })
    }

    /// Opens a file as a reader with this sight does, and waits until all of it is there.
    #[track_caller]
    pub fn open(&mut self, file: &Path, sight: Sight) -> Page {
        let target = self.ask(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let target = target["targetId"].as_str().unwrap().to_owned();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = self.ask(None, "Target.attachToTarget", &attach)["sessionId"].clone();
        let session = session.as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(Some(&session), &format!("{domain}.enable"), &json!({}));
        }
        let Sight { width, is_dark, is_print } = sight;
        let size = json!({
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.ask(Some(&session), "Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({
            "media": if is_print { "print" } else { "screen" },
            "features": [{ "name": "prefers-color-scheme", "value": scheme }],
        });
        self.ask(Some(&session), "Emulation.setEmulatedMedia", &media);
        self.events.clear();
        let address = format!("file://{}", file.display());
        self.ask(Some(&session), "Page.navigate", &json!({ "url": address }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next();
            self.events.push_back(event);
        }
        // What is asked after it is answered after all that the page has said.
        self.ask(Some(&session), "Runtime.evaluate", &json!({ "expression": "1" }));
        let said = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        let (mut requests, mut console) = (Vec::new(), Vec::new());
        for event in self.events.drain(..) {
            if event["method"] == "Network.requestWillBeSent" {
                requests.push(event["params"]["request"]["url"].as_str().unwrap().to_owned());
            } else if said.iter().any(|method| event["method"] == *method) {
                console.push(event);
            }
        }
        Page { target, session, requests, console }
    }

    /// What an expression of JavaScript gives in a page.
    #[track_caller]
    pub fn evaluate(&mut self, page: &Page, expression: &str) -> Value {
        let question = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask(Some(&page.session), "Runtime.evaluate", &question);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Closes a page.
    #[track_caller]
    pub fn close(&mut self, page: &Page) {
        self.ask(None, "Target.closeTarget", &json!({ "targetId": page.target }));
    }

    #[track_caller]
    fn ask(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let mut question = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = session {
            question["sessionId"] = session.into();
        }
        let mut message = question.to_string().into_bytes();
        message.push(0);
        self.to.write_all(&message).unwrap();
        loop {
            let mut message = self.next();
            if message["id"] == self.asked {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push_back(message);
        }
    }

    #[track_caller]
    fn next(&mut self) -> Value {
        self.from.recv_timeout(LIMIT).expect("the browser says something in time")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn messages(mut from: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let (mut seen, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
        while let Ok(count @ 1..) = from.read(&mut buf) {
            seen.extend(&buf[..count]);
            while let Some(len) = seen.iter().position(|byte| *byte == 0) {
                let rest = seen.split_off(len + 1);
                let message = serde_json::from_slice(&seen[..len]).unwrap();
                seen = rest;
                if sender.send(message).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}
