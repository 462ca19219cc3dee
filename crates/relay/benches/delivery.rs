//! The room's delivery loop: a run of frames is read, stamped, and put into every member's outbox, which
//! is emptied as a socket that takes everything would.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has failed")]

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use bytes::{BufMut as _, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use proto::{Decoder, Ending, Header, Kind, Taken};
use relay::outbox::Batch;
use relay::{Behind, Dialect, Hub, Level, Limits, Outbox, Outlet, Parcel};

/// How many bytes of frames one read brings.
const READ: usize = 200_000;

#[derive(Clone)]
struct Wire(Rc<RefCell<(Outbox, Batch)>>);

impl Outlet for Wire {
    fn put(&self, parcel: &Parcel) -> Level {
        self.0.borrow_mut().0.push(parcel)
    }

    fn is_strained(&self) -> bool {
        self.0.borrow().0.level() >= Level::Strained
    }

    fn room(&self) -> usize {
        self.0.borrow().0.room()
    }

    fn end(&self, ending: Ending) {
        panic!("{ending}");
    }
}

impl Wire {
    /// Sends everything, of which nothing is looked at.
    fn drain(&self) {
        let (outbox, batch) = &mut *self.0.borrow_mut();
        outbox.take(batch);
        let released = batch.advance(usize::MAX / 2);
        outbox.sent(released);
        black_box(&batch);
        *batch = Batch::default();
    }
}

/// `frames` frames of `payload` bytes go to `members`, one of whom reads lines where `lines` is set.
fn deliver(criterion: &mut Criterion, name: &str, frames: usize, payload: usize, lines: bool) {
    let mut group = criterion.benchmark_group(name);
    for members in [1, 10, 100, 1000] {
        let mut hub = Hub::new(Limits { outbox: usize::MAX, ..Limits::default() }, 1);
        let wires: Vec<Wire> = (0..members)
            .map(|_| Wire(Rc::new(RefCell::new((Outbox::new(usize::MAX), Batch::default())))))
            .collect();
        let (mut me, mut room) = (0, 0);
        for (n, wire) in wires.iter().enumerate() {
            let dialect = if lines && n == 0 { Dialect::Lines } else { Dialect::Frames };
            me = hub.enter(0, wire, dialect, None).unwrap();
            room = hub.join(me, "room", true).unwrap();
        }
        wires.iter().for_each(Wire::drain);
        let mut read = BytesMut::new();
        for id in 0..frames as u64 {
            let header = Header::new(Kind::Data, room, id);
            header.encode(&vec![b'x'; payload], 1 << 20, &mut read).unwrap();
        }
        let mut decoder = Decoder::default();
        group.throughput(Throughput::Elements((frames * members) as u64));
        group.bench_with_input(BenchmarkId::from_parameter(members), &members, |bencher, _| {
            bencher.iter(|| {
                decoder.space().put_slice(&read);
                let mut behind = Behind::new();
                while let Some(Taken::Run(run)) = decoder.take().unwrap() {
                    hub.publish(me, run, 7, &mut behind);
                }
                wires.iter().for_each(Wire::drain);
            });
        });
    }
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    deliver(criterion, "batched 128 B", READ / 168, 128, false);
    deliver(criterion, "batched 128 B, one reads lines", READ / 168, 128, true);
    deliver(criterion, "one by one 128 B", 1, 128, false);
    deliver(criterion, "one by one 16 KiB", 1, 16 * 1024, false);
}

criterion_group!(delivery, benches);
criterion_main!(delivery);
