//! Where is what in a figure?

use super::*;

#[test]
fn a_cross_is_where_the_packet_was_dropped() {
    let words = Language::English.words();
    let figure = |fate| {
        let story = Story { packets: vec![packet(2, "", fate)], ..story("x", 0) };
        ladder::figure(&story, "l", 10, words).finish()
    };
    // The receiver's line is at 590, and the middle of the wire is before it.
    let there = figure(Fate::DroppedByKernel("queue full".into()));
    let there = there.split("</svg>").next().expect("the wide drawing").to_owned();
    assert!(there.contains("class=\"x\" d=\"M584 ") && there.contains(">queue full<"), "{there}");
    let wire = figure(Fate::DroppedOnTheWire("cable cut".into()));
    assert!(wire.contains("class=\"x\" d=\"M420 ") && wire.contains(">cable cut<"), "{wire}");
    assert!(!figure(Fate::Taken).contains("class=\"x\""));
}

#[test]
fn an_arrow_arrives_lower_the_longer_it_was_on_its_way() {
    let words = Language::English.words();
    let slant = |took: f64| {
        let packet =
            PacketLine { arrived_ms: Some(took), sent_ms: 0.0, ..packet(2, "", Fate::Taken) };
        let story = Story { packets: vec![packet], ..story("x", 0) };
        let figure = ladder::figure(&story, "l", 10, words).finish();
        let tip = figure.split("<path d=\"M590 ").nth(1).and_then(|rest| rest.split('L').next());
        tip.and_then(|y| y.parse::<f64>().ok()).expect("the arrow has a tip")
    };
    assert!(slant(0.01) < slant(30.0), "{} {}", slant(0.01), slant(30.0));
    assert!(slant(30.0) < slant(3000.0));
}

#[test]
fn whoever_overtakes_crosses_the_other_arrow() {
    let words = Language::English.words();
    let at = |sent_ms, arrived| {
        let taken = packet(2, "", Fate::Taken);
        PacketLine { sent_ms, arrived_ms: Some(arrived), retry: 0, ..taken }
    };
    let story = Story { packets: vec![at(0.0, 0.5002), at(0.3, 0.5001)], ..story("x", 0) };
    let figure = ladder::figure(&story, "l", 10, words).finish();
    let tip = |part: &str| part.split('L').next().and_then(|y| y.parse::<f64>().ok());
    let tips: Vec<f64> = figure.split("<path d=\"M590 ").skip(1).filter_map(tip).collect();
    assert!(tips.len() == 2 && tips[0] >= tips[1] + 6.0, "{tips:?}");
}

/// A lane has the time scale of the figures below it, and a host that never had an end says so.
#[test]
fn a_state_is_a_bar_as_long_as_it_lasted() {
    let words = Language::English.words();
    let lane = |host: &str, who: &str, ports, states: &[(f64, &str)]| Lane {
        host: host.into(),
        who: who.into(),
        ports,
        states: states.iter().map(|(at, state)| (*at, (*state).to_owned())).collect(),
    };
    let story = Story {
        lanes: vec![
            lane("client", "bob", (1, 2), &[(0.0, "SYN-SENT"), (25.0, "ESTAB"), (75.0, "gone")]),
            lane("server", "bob", (2, 1), &[(10.0, "ESTAB")]),
            lane("client", "eve", (3, 2), &[(20.0, "SYN-SENT")]),
        ],
        lifelines: vec!["client 10.0.0.1".into(), "server 10.0.0.2:2".into()],
        ..Story::default()
    };
    let figure = lanes::figure(&story, (0.0, 100.0), 20, words).finish();
    assert!(figure.contains("s-syn\" style=\"left:0%;width:25%\""), "{figure}");
    assert!(figure.contains("s-est\" style=\"left:25%;width:50%\""), "{figure}");
    assert!(figure.contains("s-est\" style=\"left:10%;width:90%\""), "{figure}");
    let gone =
        "<i class=\"s-gone\" style=\"left:75%;width:25%\" title=\"gone: 75.000 ms …\">gone</i>";
    assert!(figure.contains(gone), "{figure}");
    assert!(figure.contains("title=\"ESTAB: 25.000 … 75.000 ms\""), "{figure}");
    assert!(figure.contains(words.lanes_gone), "{figure}");
    assert_eq!(figure.matches(words.no_socket).count(), 1, "{figure}");
    assert!(figure.contains(&format!("<span>eve, server</span><div><em>{}", words.no_socket)));
    // The table has the end, too.
    assert!(figure.contains("<td class=\"n\">75.000</td>") && figure.contains(">gone</td>"));
}

/// From sending to sending, whatever arrives meanwhile: a page and a terminal show the same run.
#[test]
fn a_silence_is_as_long_as_in_a_terminal() {
    let words = Language::English.words();
    let at = |sent_ms: f64| PacketLine {
        from: 0,
        sent_ms,
        arrived_ms: Some(sent_ms + 40.0),
        retry: 0,
        ..packet(2, "", Fate::Taken)
    };
    let packets = [0.0, 1019.2, 1079.2, 1100.0].map(at).to_vec();
    let story = Story { packets, ..story("x", 0) };
    let written = |drawn: &str, end: &str| -> Vec<String> {
        let gaps = drawn.split('+').skip(1).filter_map(|rest| rest.split_once(end));
        gaps.map(|(gap, _)| gap.to_owned()).filter(|gap| gap.parse::<u32>().is_ok()).collect()
    };
    let page = ladder::figure(&story, "l", 10, words).finish();
    let terminal = crate::ladder::draw(&story, crate::look::Look::default());
    assert_eq!(written(&terminal, " ms "), ["1019", "60"], "{terminal}");
    for drawing in page.split("<svg").skip(1) {
        assert_eq!(written(drawing, " ms<"), ["1019", "60"], "{drawing}");
    }
    // Packets that are left out are no silence, and what follows them is one if it was.
    let packets = (0..40).map(|n| at(f64::from(n) * if n < 39 { 1.0 } else { 10.0 })).collect();
    let page = ladder::figure(&Story { packets, ..story.clone() }, "l", 4, words).finish();
    assert_eq!(written(&page, " ms<"), ["352", "352"], "{page}");
}

/// That the kernel has forgotten an end is often the last thing that a story tells of.
#[test]
fn the_last_change_is_seen_in_both_languages() {
    let states = [(0.0, "ESTAB"), (1000.0, "gone")].map(|(at, state)| (at, state.to_owned()));
    let lane =
        Lane { host: "client".into(), who: "bob".into(), ports: (1, 2), states: states.to_vec() };
    let story = Story { lanes: vec![lane], ..Story::default() };
    for language in [Language::English, Language::Chinese] {
        let page = page_of("x", std::slice::from_ref(&story), language);
        let gone = page.split("<i class=\"s-gone\" style=\"").nth(1).expect("it is drawn");
        assert!(gone.starts_with("left:96.15%;width:3.85%\""), "{gone}");
        assert!(page.contains(language.words().lanes_gone), "{page}");
    }
}

/// What happened at the same moment stands above each other: in lanes, the queue and other values.
#[test]
fn figures_of_a_story_have_one_scale_of_time() {
    let states = [(0.0, "SYN-RECV"), (50.0, "ESTAB"), (90.0, "gone")];
    let story = Story {
        lanes: vec![Lane {
            host: "client".into(),
            who: "bob".into(),
            ports: (1, 2),
            states: states.map(|(at, state)| (at, state.to_owned())).to_vec(),
        }],
        queue: [0.0, 50.0]
            .map(|at_ms| QueueLine { at_ms, length: u32::from(at_ms > 0.0), backlog: 5 })
            .to_vec(),
        series: vec![Series {
            says: "x".into(),
            unit: "x".into(),
            points: vec![(0.0, 0.0), (50.0, 1.0)],
        }],
        ..Story::default()
    };
    let page = page_of("x", &[story], Language::English);
    let number = |text: &str| text.split(['%', 'V', ' ']).next()?.parse::<f64>().ok();
    let after = |part: &str, begin: &str| part.split(begin).nth(1).and_then(number);
    let figure = page.split("<figure class=\"lanes\">").nth(1).expect("it has lanes");
    let behind = after(figure, "style=\"margin:0 ").expect("it ends before the edge");
    let before = after(figure, "% 0 ").expect("it begins behind the edge");
    let left = after(figure, "s-est\" style=\"left:").expect("it has a bar");
    // A drawing is 720 wide.
    let in_lane = 7.2 * (before + (100.0 - before - behind) * left / 100.0);
    let steps: Vec<f64> =
        page.split("class=\"step k0\" d=\"").skip(1).filter_map(|path| after(path, "H")).collect();
    assert_eq!(steps.len(), 2, "{page}");
    for step in steps {
        assert!((step - in_lane).abs() < 0.2, "{step} and {in_lane}");
    }
}

#[test]
fn what_was_sent_stands_beside_what_was_acknowledged() {
    let words = Language::English.words();
    let segment = |n: i64, retry, fate: Fate| PacketLine {
        from: 0,
        sent_ms: n as f64,
        arrived_ms: Some(n as f64 + 0.5),
        retry,
        fate,
        len: 100,
        tcp: Some(Segment { seq: 1 + 100 * n, ack: Some(1), window: 9000 }),
        ..packet(2, "", Fate::Taken)
    };
    let answer = |ms: f64, ack, window| PacketLine {
        from: 1,
        ports: (7878, 40_001),
        sent_ms: ms - 0.5,
        arrived_ms: Some(ms),
        retry: 0,
        len: 0,
        tcp: Some(Segment { seq: 1, ack: Some(ack), window }),
        ..packet(1, "", Fate::Taken)
    };
    let figure = |window| {
        let mut packets: Vec<PacketLine> = (0..8).map(|n| segment(n, 0, Fate::Taken)).collect();
        packets[3].fate = Fate::DroppedOnTheWire("lost".into());
        packets.push(PacketLine { sent_ms: 9.0, ..segment(3, 1, Fate::Taken) });
        packets.extend([answer(2.0, 301, window), answer(10.0, 801, window)]);
        let story = Story { packets, ..story("x", 0) };
        sequence::figures(&story, "s", (0.0, 20.0), &MOST, words).finish()
    };
    let shown = figure(65_536);
    assert_eq!(shown.matches("<path class=\"again\"").count(), 1, "{shown}");
    assert_eq!(shown.matches("<path class=\"x\"").count(), 1, "{shown}");
    let is_far = "window is far above";
    assert!(words.room_far.contains(is_far) && shown.contains(is_far), "{shown}");
    assert!(!shown.contains("class=\"room\""), "{shown}");
    // Eight segments, each from its first byte to its last, at times of their own.
    let first =
        shown.split("class=\"step k0\" d=\"").nth(1).and_then(|rest| rest.split('"').next());
    assert_eq!(first.map(|path| path.matches('M').count()), Some(8), "{shown}");
    assert!(shown.contains(">801 (+65536)</td>"), "{shown}");
    let small = figure(200);
    assert!(small.contains("class=\"room\"") && !small.contains(is_far), "{small}");
}

/// Words that arrows pass would not be read: they are drawn last.
#[test]
fn words_lie_above_the_arrows() {
    let words = Language::English.words();
    let figure = ladder::figure(&story("x", 30), "l", 40, words).finish();
    for drawing in figure.split("<svg").skip(1) {
        let (arrows, said) = drawing.split_once("<g class=\"words\">").expect("it has words");
        assert!(!arrows.contains(">ACKx"), "{arrows}");
        assert!(!said.contains("<g class=\"pk") && said.contains(">ACKx"), "{said}");
    }
    assert_eq!(figure.matches("<svg").count(), 2, "one for a screen, one for a telephone");
}

const MOST: Most = Most { arrows: 40, packets: 40, rows: 40, steps: 400 };

/// It would cross everything that is drawn below the packets that are left out.
#[test]
fn what_arrives_after_packets_that_are_left_out_is_cut() {
    let words = Language::English.words();
    let long = |n: usize| PacketLine {
        from: 0,
        arrived_ms: Some(n as f64 * 0.7 + 90.0),
        retry: 0,
        ..packet(n, "", Fate::Taken)
    };
    let story = Story { packets: (0..40).map(long).collect(), ..story("x", 0) };
    let heads = |most| {
        let figure = ladder::figure(&story, "l", most, words).finish();
        let drawing = figure.split("</svg>").next().unwrap_or_default().to_owned();
        (drawing.matches("<path d=\"M590 ").count(), drawing.matches("class=\"cut\"").count())
    };
    assert_eq!(heads(40), (40, 0));
    assert_eq!(heads(8), (2, 2));
}
