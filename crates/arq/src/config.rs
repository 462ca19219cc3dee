//! What the owner of an endpoint decides.

use std::time::Duration;

use crate::congestion::Controller;
use crate::limits::{CHANNEL_WINDOW, CONNECTION_WINDOW, SEND_BUFFER};
use crate::new_reno::NewReno;

/// How an endpoint treats its connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// After how long a silence the peer is given up; the smaller one of both sides' counts.
    pub idle: Duration,
    /// After how long a silence a sign of life is asked for. Without it a connection on which nobody
    /// speaks ends after [`Config::idle`]. NATs forget after 30 s and more (RFC 4787 §4.3).
    pub keepalive: Option<Duration>,
    /// How many bytes of messages one channel may hold that are not read.
    pub channel_window: u64,
    /// How many all channels together may.
    pub connection_window: u64,
    /// How many bytes of messages are kept for sending.
    pub send_buffer: usize,
    /// Makes the controller of congestion.
    pub controller: fn() -> Box<dyn Controller>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            keepalive: Some(Duration::from_secs(10)),
            channel_window: CHANNEL_WINDOW,
            connection_window: CONNECTION_WINDOW,
            send_buffer: SEND_BUFFER,
            controller: || Box::new(NewReno::new()),
        }
    }
}
