//! A relay that sends anything to a person in a chat, and what the person sees of it.

use std::time::Duration;

use chat::show::{Shown, Style, text};
use chat::{Chat, Line, Settings, Step};
use proto::{Frame, Header, Kind, sanitize};

use crate::input::Input;

/// Each step is a frame of the relay, a line of the person, a connection made or lost, or time that
/// passes. Every line is accounted for, and nothing that a terminal would obey is shown.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut chat = Chat::new(Settings::default());
    let mut now = Duration::ZERO;
    while !input.is_empty() {
        now += Duration::from_millis(7);
        let (what, len) = (input.u8(), input.u16() % 600);
        match what % 8 {
            0..4 => {
                let kind = Kind::ALL[usize::from(input.u8()) % Kind::ALL.len()];
                let mut header = Header::new(kind, u32::from(what >> 4 & 3), u64::from(what >> 6));
                (header.from, header.seq) = (u32::from(input.u8()), u64::from(input.u8()));
                let payload = input.take(len.into()).to_vec().into();
                if chat.frame(now, &Frame { header, payload }).is_err() {
                    chat.disconnected(now, "it broke the rules");
                }
            }
            4 => {
                let line = String::from_utf8_lossy(input.take(len.into())).into_owned();
                if !line.contains('\n') {
                    chat.typed(now, Line::Text(line));
                }
            }
            5 if chat.step() == Step::Connect => chat.connected(now),
            6 => chat.disconnected(now, "lost"),
            _ => {
                now += Duration::from_millis(u64::from(len) * 100);
                chat.tick(now);
            }
        }
        while chat.transmit().is_some() {}
        while let Some(event) = chat.event() {
            for style in [Style::Terminal, Style::Pipe] {
                check(text(&event, style, now));
            }
            // As an event it has everything as it came; who writes it escapes what a terminal would obey.
            chat::json::of(&event);
        }
        if let Step::Over(_) = chat.step() {
            return;
        }
    }
}

fn check(shown: Option<Shown>) {
    let (Shown::Data(text) | Shown::Story(text)) = shown.unwrap_or(Shown::Data(String::new()));
    for line in text.lines() {
        assert_eq!(sanitize::line(line), line);
    }
}
