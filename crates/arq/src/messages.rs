//! All messages of a connection: its channels, their credit, and who sends next.
//!
//! Channels that have something to send stand in a queue and send a piece each in turn, so a long
//! message on one holds up no other; RFC 8260 does the same for SCTP. A channel leaves the queue when it
//! can send nothing, and comes back with what it waited for, so a packet never looks at channels in vain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::channel::Channel;
use crate::credit::{ReceiveCredit, SendCredit};
use crate::event::{Event, Fault, SendError};
use crate::frame::{Frame, Piece};
use crate::handshake::Grants;
use crate::incoming::{BadPiece, Incoming};
use crate::limits::{MAX_MESSAGE, MAX_UNRELIABLE, MESSAGE_COST};
use crate::outgoing::{Held, Outgoing};
use crate::packing::Packing;
use crate::sent::{Content, PieceRef};
use crate::unreliable::Queue;

/// Of what the owner was told and has not looked at.
#[derive(Debug, Default)]
struct Told {
    readable: BTreeSet<Channel>,
    unreliable: bool,
    /// That there is no room.
    full: bool,
}

#[derive(Debug)]
pub(crate) struct Messages {
    /// Boxed, as are the others: a node of a map has room for eleven, and few use more than one channel.
    outgoing: BTreeMap<Channel, Box<Outgoing>>,
    /// Channels that may have something to send, each once.
    queue: VecDeque<Channel>,
    /// Channels that wait for credit of the connection.
    waiting: BTreeSet<Channel>,
    send_credit: SendCredit,
    /// Credit with which a channel of ours begins.
    peer_channel: u64,
    /// The longest message that the peer ever grants enough credit for.
    longest: usize,
    /// Bytes of messages that are not confirmed, with what each costs beside them.
    buffered: usize,
    send_buffer: usize,
    unreliable_out: Queue,
    /// Whether an unreliable message was sent last, so that the others are next.
    unreliable_was_first: bool,
    /// Bytes that were sent again.
    pub(crate) again_bytes: u64,

    incoming: BTreeMap<Channel, Box<Incoming>>,
    receive_credit: ReceiveCredit,
    channel_window: u64,
    /// Whether the peer should hear of new credit, of the connection and of which channels.
    tell: bool,
    tell_channels: BTreeSet<Channel>,
    unreliable_in: Queue,

    told: Told,
    pub(crate) events: VecDeque<Event>,
}

impl Messages {
    /// `ours` is what the peer may send, `theirs` what we may.
    pub(crate) fn new(ours: Grants, theirs: Grants, send_buffer: usize) -> Self {
        Self {
            outgoing: BTreeMap::new(),
            queue: VecDeque::new(),
            waiting: BTreeSet::new(),
            send_credit: SendCredit::new(theirs.connection),
            peer_channel: theirs.channel,
            longest: longest_message(theirs),
            buffered: 0,
            send_buffer,
            unreliable_out: Queue::default(),
            unreliable_was_first: false,
            again_bytes: 0,
            incoming: BTreeMap::new(),
            receive_credit: ReceiveCredit::new(ours.connection),
            channel_window: ours.channel,
            tell: false,
            tell_channels: BTreeSet::new(),
            unreliable_in: Queue::default(),
            told: Told::default(),
            events: VecDeque::new(),
        }
    }

    /// Takes a message for a reliable channel, and gives its number.
    pub(crate) fn send(&mut self, channel: Channel, data: Bytes) -> Result<u64, SendError> {
        let len = data.len();
        if len > self.longest {
            return Err(SendError::TooLong { len, limit: self.longest });
        }
        if self.buffered + weight(len) > self.send_buffer && self.buffered > 0 {
            self.told.full = true;
            return Err(SendError::Full);
        }
        self.buffered += weight(len);
        let credit = self.peer_channel;
        let outgoing =
            self.outgoing.entry(channel).or_insert_with(|| Outgoing::new(channel, credit).into());
        let number = outgoing.push(data);
        self.enqueue(channel);
        Ok(number)
    }

    /// Takes a message that is sent once.
    pub(crate) fn send_unreliable(&mut self, channel: u8, data: Bytes) -> Result<(), SendError> {
        let len = data.len();
        if len > MAX_UNRELIABLE {
            return Err(SendError::TooLong { len, limit: MAX_UNRELIABLE });
        }
        self.unreliable_out.push(channel, data);
        Ok(())
    }

    /// The next message of a channel.
    pub(crate) fn read(&mut self, channel: Channel) -> Option<Bytes> {
        let incoming = self.incoming.get_mut(&channel)?;
        let Some(message) = incoming.read(&mut self.receive_credit) else {
            self.told.readable.remove(&channel);
            return None;
        };
        if incoming.credit.is_worth_telling() {
            self.tell_channels.insert(channel);
        }
        self.tell |= self.receive_credit.is_worth_telling();
        Some(message)
    }

    /// The next unreliable message, with its channel.
    pub(crate) fn read_unreliable(&mut self) -> Option<(u8, Bytes)> {
        let message = self.unreliable_in.pop();
        self.told.unreliable &= message.is_some();
        message
    }

    /// Whether a message waits for being read.
    pub(crate) fn is_readable(&self) -> bool {
        !self.unreliable_in.is_empty()
            || self.incoming.values().any(|incoming| incoming.is_readable())
    }

    /// How many reliable messages are not confirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.outgoing.values().map(|outgoing| outgoing.unconfirmed()).sum()
    }

    /// Whether everything that was handed in is confirmed, or was sent once.
    pub(crate) fn is_done(&self) -> bool {
        self.buffered == 0 && self.unreliable_out.is_empty()
    }

    /// Whether there may be something to send.
    pub(crate) fn has_something(&self) -> bool {
        !self.queue.is_empty()
            || !self.unreliable_out.is_empty()
            || self.tell
            || !self.tell_channels.is_empty()
    }

    /// Bytes that came in and are not read, as they count for credit.
    pub(crate) fn unread(&self) -> u64 {
        self.receive_credit.held()
    }

    /// Unreliable messages that found no place.
    pub(crate) fn dropped(&self) -> u64 {
        self.unreliable_out.dropped() + self.unreliable_in.dropped()
    }

    pub(crate) fn on_piece(&mut self, piece: &Piece<'_>) -> Result<(), Fault> {
        let (channel, window) = (piece.channel, self.channel_window);
        let incoming = self
            .incoming
            .entry(channel)
            .or_insert_with(|| Incoming::new(channel.order, window).into());
        let is_new =
            incoming.on_piece(piece, &mut self.receive_credit).map_err(|bad| match bad {
                BadPiece::Credit => Fault::Credit,
                BadPiece::Wrong | BadPiece::TooLong | BadPiece::TooFarAhead => Fault::BadPiece,
            })?;
        if is_new && self.told.readable.insert(channel) {
            self.events.push_back(Event::Readable(channel));
        }
        Ok(())
    }

    pub(crate) fn on_unreliable(&mut self, channel: u8, data: &[u8]) -> Result<(), Fault> {
        if data.len() > MAX_UNRELIABLE {
            return Err(Fault::BadPiece);
        }
        self.unreliable_in.push(channel, Bytes::copy_from_slice(data));
        if !self.told.unreliable {
            self.told.unreliable = true;
            self.events.push_back(Event::UnreliableReadable);
        }
        Ok(())
    }

    pub(crate) fn on_credit(&mut self, limit: u64) {
        if self.send_credit.raise(limit) {
            for channel in std::mem::take(&mut self.waiting) {
                self.enqueue(channel);
            }
        }
    }

    /// A limit for a channel that we do not use is no fault, but nothing is kept for it.
    pub(crate) fn on_channel_credit(&mut self, channel: Channel, limit: u64) {
        if let Some(outgoing) = self.outgoing.get_mut(&channel)
            && outgoing.credit.raise(limit)
        {
            self.enqueue(channel);
        }
    }

    /// A packet with the piece arrived.
    pub(crate) fn on_piece_acked(&mut self, piece: PieceRef) {
        let channel = piece.channel;
        let Some(outgoing) = self.outgoing.get_mut(&channel) else { return };
        let confirmed = outgoing.on_acked(piece);
        if confirmed.is_empty() {
            return;
        }
        for (number, len) in confirmed {
            self.events.push_back(Event::Confirmed { channel, number });
            self.buffered -= weight(len);
        }
        // Others may be less far ahead now.
        self.enqueue(channel);
        // Half of the room, so that the owner is not woken for each message.
        if self.told.full && self.buffered <= self.send_buffer / 2 {
            self.told.full = false;
            self.events.push_back(Event::Writable);
        }
    }

    /// What a lost packet held is to be sent again, as far as that still makes sense.
    pub(crate) fn on_lost(&mut self, content: Content) {
        match content {
            Content::Piece(piece) => {
                if let Some(outgoing) = self.outgoing.get_mut(&piece.channel) {
                    outgoing.on_lost(piece);
                    self.enqueue(piece.channel);
                }
            }
            Content::Credit => self.tell = true,
            Content::ChannelCredit(channel) => {
                self.tell_channels.insert(channel);
            }
            Content::Ack { .. } | Content::PathChallenge => {}
        }
    }

    /// Nothing was heard of a packet for long: what it held goes along with a probe, unless the channel
    /// has something to send again anyway.
    pub(crate) fn on_probe(&mut self, content: Content) {
        match content {
            Content::Piece(piece) => {
                if let Some(outgoing) = self.outgoing.get_mut(&piece.channel) {
                    outgoing.on_probe(piece);
                    self.enqueue(piece.channel);
                }
            }
            _ => self.on_lost(content),
        }
    }

    fn enqueue(&mut self, channel: Channel) {
        if let Some(outgoing) = self.outgoing.get_mut(&channel)
            && !outgoing.queued
        {
            outgoing.queued = true;
            self.queue.push_back(channel);
        }
    }

    /// Writes as much as the packet has room for.
    pub(crate) fn write(&mut self, packet: &mut Packing) {
        self.write_credit(packet);
        // In turns, so that neither kind can keep the other out.
        self.unreliable_was_first = !self.unreliable_was_first;
        if self.unreliable_was_first {
            self.write_unreliable(packet);
            self.write_pieces(packet);
        } else {
            self.write_pieces(packet);
            self.write_unreliable(packet);
        }
    }

    fn write_credit(&mut self, packet: &mut Packing) {
        // A frame of credit has at most 11 bytes.
        if self.tell && packet.room() >= 11 {
            self.tell = false;
            packet.add(&Frame::Credit(self.receive_credit.tell()), Some(Content::Credit));
        }
        while packet.room() >= 11
            && let Some(channel) = self.tell_channels.pop_first()
        {
            if let Some(incoming) = self.incoming.get_mut(&channel) {
                let limit = incoming.credit.tell();
                let frame = Frame::ChannelCredit { channel, limit };
                packet.add(&frame, Some(Content::ChannelCredit(channel)));
            }
        }
    }

    fn write_unreliable(&mut self, packet: &mut Packing) {
        while let Some(len) = self.unreliable_out.next_len()
            && packet.room() >= len + 4
            && let Some((channel, data)) = self.unreliable_out.pop()
        {
            packet.add(&Frame::Unreliable { channel, data: &data }, None);
        }
    }

    fn write_pieces(&mut self, packet: &mut Packing) {
        while let Some(room) = packet.room().checked_sub(Piece::OVERHEAD)
            && let Some(&channel) = self.queue.front()
            && let Some(outgoing) = self.outgoing.get_mut(&channel)
        {
            match outgoing.cut(room, &mut self.send_credit) {
                Ok(cut) => {
                    let PieceRef { number, offset, len, .. } = cut.piece;
                    let (total, data) = (cut.total, &cut.data[..]);
                    let piece = Piece { channel, number, total, offset, data };
                    packet.add(&Frame::Piece(piece), Some(Content::Piece(cut.piece)));
                    if cut.again {
                        self.again_bytes += len;
                    }
                    // Behind the others.
                    self.queue.rotate_left(1);
                }
                Err(Held::Room) => return,
                Err(held) => {
                    outgoing.queued = false;
                    self.queue.pop_front();
                    if held == Held::Connection {
                        self.waiting.insert(channel);
                    }
                }
            }
        }
    }
}

/// A message takes all of its credit at once, and the peer may keep new credit to itself up to a quarter
/// of a window ([`ReceiveCredit::is_worth_telling`]). What costs more than the rest could wait for ever.
fn longest_message(theirs: Grants) -> usize {
    let window = theirs.channel.min(theirs.connection);
    let longest = (window - window / 4).saturating_sub(MESSAGE_COST);
    usize::try_from(longest).unwrap_or(MAX_MESSAGE).min(MAX_MESSAGE)
}

/// What a message counts in the buffer for sending: an empty one takes memory too.
fn weight(len: usize) -> usize {
    len + usize::try_from(MESSAGE_COST).expect("a small number")
}
