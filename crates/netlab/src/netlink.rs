//! One netlink request and its answer, on a socket of the calling thread's namespace.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable, NlasIterator,
};
use netlink_sys::{Socket, SocketAddr};

/// The attribute of an error in which the kernel says in words what it refuses
/// (`NLMSGERR_ATTR_MSG`, linux/netlink.h).
const ERROR_MESSAGE: u16 = 1;

/// Length of the request's header, which stands before the attributes of an error.
const HEADER_LEN: usize = 16;

/// Room for one batch of answers. The kernel fills at most 32 KiB a batch (`netlink_dump`).
const ANSWER_LEN: usize = 64 * 1024;

/// A netlink socket of the network namespace in which the calling thread is.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    pub(crate) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Errors in words, without the whole request in front of them.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request that changes something and waits for its acknowledgement.
    pub(crate) fn change<M>(&mut self, message: M, flags: u16) -> io::Result<()>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Into<NetlinkPayload<M>>,
    {
        self.request(message, flags | NLM_F_ACK, |_| {})
    }

    /// Sends a request and hands every answer to `take`, until the kernel says that it was the last.
    pub(crate) fn request<M>(
        &mut self,
        message: M,
        flags: u16,
        mut take: impl FnMut(M),
    ) -> io::Result<()>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Into<NetlinkPayload<M>>,
    {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = flags | NLM_F_REQUEST;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, message.into());
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut buffer = vec![0; ANSWER_LEN];
        loop {
            let len = self.socket.recv(&mut &mut buffer[..], 0)?;
            let mut rest = &buffer[..len];
            while !rest.is_empty() {
                let answer = NetlinkMessage::<M>::deserialize(rest).map_err(io::Error::other)?;
                let answer_len = usize::try_from(answer.header.length).expect("u32 fits usize");
                // Messages are aligned to four bytes; the last one may lack its padding.
                rest = &rest[answer_len.next_multiple_of(4).min(rest.len())..];
                match answer.payload {
                    NetlinkPayload::InnerMessage(message) => take(message),
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            None => Ok(()),
                            Some(code) => Err(in_words(code.get(), &error.header)),
                        };
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The kernel's error, with its own words where it has any.
fn in_words(negative_errno: i32, request_and_attributes: &[u8]) -> io::Error {
    let error = io::Error::from_raw_os_error(-negative_errno);
    let attributes = request_and_attributes.get(HEADER_LEN..).unwrap_or_default();
    let words = NlasIterator::new(attributes)
        .flatten()
        .find(|attribute| attribute.kind() == ERROR_MESSAGE)
        .map(|attribute| {
            String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned()
        });
    match words {
        Some(words) => io::Error::new(error.kind(), format!("{error}: {words}")),
        None => error,
    }
}
