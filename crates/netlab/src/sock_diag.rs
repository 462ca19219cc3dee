//! Questions to `sock_diag(7)` about TCP sockets, and their answers.

use std::io;
use std::time::Duration;

use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NetlinkDeserializable, NetlinkHeader, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_packet_sock_diag::{SOCK_DESTROY, SOCK_DIAG_BY_FAMILY, SockDiagMessage};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use crate::netlink::Netlink;

/// Where the kernel's answer holds `idiag_expires` (`struct inet_diag_msg`, `linux/inet_diag.h`).
const EXPIRES_AT: usize = 52;

/// Asks the kernel for the sockets of the namespace of the thread that opened it.
pub(crate) struct SockDiag {
    netlink: Netlink,
}

/// What the kernel says of one socket.
pub(crate) struct Answer {
    pub(crate) response: Box<InetResponse>,
    /// How long the socket's timer has to go. The parser has it for some timers only, and not for that
    /// of TIME_WAIT.
    pub(crate) expires: Duration,
}

impl SockDiag {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open(NETLINK_SOCK_DIAG)? })
    }

    /// Every socket of a family in one of these states.
    pub(crate) fn all(&mut self, family: u8, states: StateFlags) -> io::Result<Vec<Answer>> {
        // All zeros, of which a dump takes no notice.
        self.ask(family, states, SocketId::new_v4(), NLM_F_DUMP)
    }

    /// The socket of this connection; none where the kernel has none.
    ///
    /// The kernel answers with a listener where it has no connection between these ports.
    pub(crate) fn one(&mut self, id: SocketId) -> io::Result<Option<Answer>> {
        let family = if id.source_address.is_ipv4() { AF_INET } else { AF_INET6 };
        match self.ask(family, StateFlags::all(), id, NLM_F_ACK) {
            Ok(answers) => Ok(answers.into_iter().next()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends the connection as `ss -K` does; an error of kind `NotFound` where the kernel has none.
    pub(crate) fn destroy(&mut self, id: SocketId) -> io::Result<()> {
        let family = if id.source_address.is_ipv4() { AF_INET } else { AF_INET6 };
        let question = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::all(),
            socket_id: id,
        };
        let inner = SockDiagMessage::InetRequest(question);
        self.netlink.change(Message { inner, kind: SOCK_DESTROY, expires: Duration::ZERO }, 0)
    }

    fn ask(
        &mut self,
        family: u8,
        states: StateFlags,
        id: SocketId,
        flags: u16,
    ) -> io::Result<Vec<Answer>> {
        let question = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::INFO,
            states,
            socket_id: id,
        };
        let mut answers = Vec::new();
        let question = SockDiagMessage::InetRequest(question);
        let question =
            Message { inner: question, kind: SOCK_DIAG_BY_FAMILY, expires: Duration::ZERO };
        self.netlink.request(question, flags, |Message { inner, expires, .. }| {
            if let SockDiagMessage::InetResponse(response) = inner {
                answers.push(Answer { response, expires });
            }
        })?;
        Ok(answers)
    }
}

/// A message of `sock_diag`, with the field of an answer that its parser leaves out.
struct Message {
    inner: SockDiagMessage,
    /// A look at sockets or the end of one; the crate knows of looks only.
    kind: u16,
    expires: Duration,
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        NetlinkSerializable::buffer_len(&self.inner)
    }

    fn serialize(&self, buffer: &mut [u8]) {
        self.inner.serialize(buffer);
    }
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let inner = SockDiagMessage::deserialize(header, payload)?;
        let field = payload.get(EXPIRES_AT..).and_then(|rest| rest.first_chunk());
        let millis = field.copied().map_or(0, u32::from_ne_bytes);
        let expires = Duration::from_millis(millis.into());
        Ok(Self { inner, kind: header.message_type, expires })
    }
}

impl From<Message> for NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        Self::InnerMessage(message)
    }
}
