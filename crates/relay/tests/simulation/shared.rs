//! What is said is made once and shared, however many hear it.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use proto::{Decoder, Ending, Header, Kind, Taken};
use relay::{Behind, Dialect, Hub, Level, Limits, Outlet, Parcel};

/// Keeps what it is given as it is given.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<Bytes>>>);

impl Outlet for Kept {
    fn put(&self, parcel: &Parcel) -> Level {
        self.0.borrow_mut().push(parcel.bytes.clone());
        Level::Low
    }

    fn is_strained(&self) -> bool {
        false
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn end(&self, ending: Ending) {
        panic!("nobody is slow: {ending}");
    }
}

#[test]
fn a_run_is_stamped_and_its_lines_are_rendered_once_for_all_who_hear_it() {
    let mut hub = Hub::new(Limits::default(), 1);
    let members: Vec<(Kept, Dialect)> = (0..6)
        .map(|n| (Kept::default(), if n % 2 == 0 { Dialect::Frames } else { Dialect::Lines }))
        .collect();
    let mut ids = Vec::new();
    for (conn, (kept, dialect)) in (0..).zip(&members) {
        let id = hub.enter(conn, kept, *dialect, None).unwrap();
        hub.join(id, "room", true).unwrap();
        ids.push(id);
    }
    let mut read = BytesMut::with_capacity(1000);
    for id in 0..9 {
        Header::new(Kind::Data, 1, id).encode(b"hello", 1 << 20, &mut read).unwrap();
    }
    let mut decoder = Decoder::default();
    decoder.space().extend_from_slice(&read);
    let at = decoder.space().as_ptr();
    let Some(Taken::Run(run)) = decoder.take().unwrap() else { panic!("a run") };
    let is_shared = run.pinned() > run.bytes().len();
    hub.publish(ids[0], run, 7, &mut Behind::new());
    let heard = |n: usize| members[n].0.0.borrow().last().cloned().unwrap();
    for dialect in [0, 1] {
        let first = heard(dialect);
        for n in [2, 4] {
            let other = heard(dialect + n);
            assert_eq!(first.as_ptr(), other.as_ptr(), "member {n} has bytes of its own");
            assert_eq!(first, other);
        }
    }
    assert_eq!(heard(0).len(), read.len());
    assert_eq!(heard(1), "guest-1: hello\n".repeat(9));
    // A run that fills its share of what was read goes on as it lies there.
    assert_eq!(heard(0).as_ptr() == at, is_shared);
}
