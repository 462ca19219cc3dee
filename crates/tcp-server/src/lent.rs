//! Where is the read buffer of a connection that waits? Lent to one that does not.
//!
//! A buffer that nothing lies in is of no use until there is something to read. Held by each of 15,000
//! silent connections, it is most of what they cost; and where few of many have something to say at a
//! time, a buffer that goes round stays in the processor's caches.

use std::cell::RefCell;
use std::mem;

use bytes::BytesMut;
use proto::limits::READ_CHUNK;

/// How many buffers each thread keeps for whoever reads next: 16, of [`READ_CHUNK`] each.
///
/// As many as connections of one thread are likely to be between a read and the end of its answer at once,
/// and a quarter of a mebibyte.
const KEPT: usize = 16;

thread_local! {
    static IDLE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// Takes the memory of an empty buffer, if it is as large as those that are lent.
#[inline]
pub(crate) fn give_back(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() == READ_CHUNK {
        let buffer = mem::take(buffer);
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < KEPT {
                idle.push(buffer);
            }
        });
    }
}

/// Gives memory to a buffer that has none.
#[inline]
pub(crate) fn lend(buffer: &mut BytesMut) {
    if buffer.capacity() == 0 {
        let idle = IDLE.with_borrow_mut(Vec::pop);
        *buffer = idle.unwrap_or_else(|| BytesMut::with_capacity(READ_CHUNK));
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;

    #[test]
    fn a_buffer_that_is_given_back_is_lent_again() {
        let mut first = BytesMut::with_capacity(READ_CHUNK);
        let memory = first.as_ptr();
        give_back(&mut first);
        assert_eq!(first.capacity(), 0);
        let mut second = BytesMut::new();
        lend(&mut second);
        assert_eq!((second.as_ptr(), second.capacity()), (memory, READ_CHUNK));
    }

    #[test]
    fn what_holds_bytes_or_is_of_another_size_stays() {
        for mut buffer in [BytesMut::with_capacity(1), BytesMut::with_capacity(2 * READ_CHUNK)] {
            let memory = buffer.as_ptr();
            give_back(&mut buffer);
            lend(&mut buffer);
            assert_eq!(buffer.as_ptr(), memory);
        }
        let mut buffer = BytesMut::with_capacity(READ_CHUNK);
        buffer.put_u8(7);
        give_back(&mut buffer);
        lend(&mut buffer);
        assert_eq!(&buffer[..], [7]);
    }

    #[test]
    fn no_more_are_kept_than_the_limit_says() {
        for _ in 0..2 * KEPT {
            give_back(&mut BytesMut::with_capacity(READ_CHUNK));
        }
        assert_eq!(IDLE.with_borrow(Vec::len), KEPT);
    }
}
