//! What a close waits for.

use std::time::Duration;

use arq::{Channel, CloseCode, ConnectionId, End, Event, SendError, Time};

use crate::{at, endpoint, events, server_at, talk};

#[test]
fn a_close_waits_until_all_is_confirmed() {
    let (mut client, mut server) = (endpoint(2), endpoint(1));
    let id = client.connect(Time::ZERO, server_at(), None).unwrap();
    talk(Time::ZERO, &mut client, at(1, 1), &mut server);
    let channel = Channel::unordered(3);
    for _ in 0..5 {
        client.send(id, channel, vec![1; 100_000].into()).unwrap();
    }
    events(&mut client);
    let (mut now, mut read) = (Time::ZERO, 0);
    client.close(now, id, CloseCode::Done, "all said", Duration::from_secs(5));
    assert_eq!(client.send(id, channel, "more".into()), Err(SendError::NotOpen));
    let mut told = Vec::new();
    while client.is_busy() || server.is_busy() {
        talk(now, &mut client, at(1, 1), &mut server);
        told.extend(events(&mut client));
        for (id, event) in events(&mut server) {
            if let Event::Readable(channel) = event {
                read += std::iter::from_fn(|| server.read(id, channel)).count();
            }
        }
        let times = [client.poll_timeout(), server.poll_timeout()];
        now = times.into_iter().flatten().min().unwrap_or(now).max(now);
        client.handle_timeout(now);
        server.handle_timeout(now);
    }
    assert_eq!(read, 5);
    let ended = Event::Ended { end: End::Closed, unconfirmed: 0 };
    assert_eq!(told.last().map(|(_, event)| event), Some(&ended));
    let confirmed = |(_, event): &&(ConnectionId, Event)| matches!(event, Event::Confirmed { .. });
    assert_eq!(told.iter().filter(confirmed).count(), 5);
    // Nothing is left of it.
    assert_eq!((client.peer(id), client.stats(id)), (None, None));
}
