mod figures;

use super::*;
use crate::findings::{Check, CounterLine, Lane, PacketLine, QueueLine, Segment, Series, Table};
use crate::options::Options;

/// What would do harm if it became markup.
const HOSTILE: &str =
    "</title></svg><script>alert(1)</script><img src=x onerror='alert(2)'>\" onload=\"x";

fn packet(number: usize, text: &str, fate: Fate) -> PacketLine {
    let sent_ms = number as f64 * 0.7;
    PacketLine {
        number,
        from: number % 2,
        sent_ms,
        arrived_ms: (!matches!(fate, Fate::DroppedOnTheWire(_))).then_some(sent_ms + 0.5),
        who: text.into(),
        ports: (40_001, 7878),
        label: format!("ACK{text}"),
        len: 1448,
        retry: u32::from(number.is_multiple_of(5)),
        fate,
        // Every other packet carries data further.
        tcp: Some(Segment {
            seq: 1448 * i64::try_from(number / 2).expect("it is small"),
            ack: Some(1),
            window: 65_536,
        }),
    }
}

/// A story in which everything there is says `text`, with so many packets.
fn story(text: &str, packets: usize) -> Story {
    let fate = |number: usize| match number % 7 {
        3 => Fate::DroppedByKernel(text.into()),
        5 => Fate::DroppedOnTheWire(text.into()),
        _ => Fate::Taken,
    };
    let sample = |n: u32| QueueLine { at_ms: f64::from(n), length: n % 7, backlog: 5 };
    Story {
        name: text.into(),
        says: text.into(),
        belief: text.into(),
        set_up: vec![text.into()],
        lifelines: vec![format!("client {text}"), format!("server {text}")],
        packets: (1..=packets).map(|number| packet(number, text, fate(number))).collect(),
        not_drawn: Some(text.into()),
        queue: (0..u32::try_from(packets).unwrap_or(u32::MAX)).map(sample).collect(),
        lanes: ["client", "server"]
            .map(|host| Lane {
                host: format!("{host}{text}"),
                who: text.into(),
                ports: (40_001, 7878),
                states: (0..packets).map(|n| (n as f64, format!("ESTAB{text}"))).collect(),
            })
            .to_vec(),
        series: vec![Series {
            says: text.into(),
            unit: text.into(),
            points: (0..packets).map(|n| (n as f64, (n % 13) as f64)).collect(),
        }],
        counters: vec![CounterLine { host: text.into(), name: text.into(), before: 0, after: 1 }],
        tables: vec![Table {
            says: text.into(),
            columns: vec![text.into()],
            rows: vec![vec![text.into()]; packets],
        }],
        explanation: vec![text.into()],
        checks: vec![
            Check::equal(text, text, text, text),
            Check::equal("failed", text, 1, 2).computed(),
            Check::skipped("skipped", text, text),
        ],
        capture: None,
    }
}

fn set_up(text: &str) -> SetUp {
    SetUp {
        demo: text.into(),
        question: text.into(),
        level: text.into(),
        level_words: text.into(),
        kernel: text.into(),
        seed: 1,
        options: Options::default(),
    }
}

fn page_of(text: &'static str, stories: &[Story], language: Language) -> String {
    let claims = [Claim {
        id: text.into(),
        says: text.into(),
        verdict: Verdict::Refuted,
        because: vec![text.into()],
        instead: text.into(),
    }];
    page(
        &Run {
            set_up: &set_up(text),
            variant: Some(text),
            command: text,
            theory: &[text, "read https://example.org/a_b, and more"],
            stories,
            claims: &claims,
            seconds: 1.5,
        },
        language,
    )
}

/// Every tag of a page, with its attributes.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).filter_map(|rest| rest.split('>').next()).collect()
}

#[test]
fn what_a_run_says_never_becomes_markup() {
    for language in [Language::English, Language::Chinese] {
        let harmless = page_of("harmless", &[story("harmless", 40)], language);
        let hostile = page_of(HOSTILE, &[story(HOSTILE, 40)], language);
        let names = |page: &str| -> Vec<String> {
            let name = |tag: &str| tag.split([' ', '\n']).next().unwrap_or_default().to_owned();
            tags(page).into_iter().map(name).collect()
        };
        assert_eq!(names(&hostile), names(&harmless));
        assert!(!hostile.contains("onload=\"x"), "an attribute was closed by a text");
    }
    let entry = |text: &str| Entry {
        file: text.into(),
        demo: text.into(),
        variant: Some(text.into()),
        question: text.into(),
        tally: Tally::default(),
        claims: vec![(text.into(), Verdict::Partly)],
    };
    let list = index(&[entry(HOSTILE)], Language::English);
    assert_eq!(tags(&list).len(), tags(&index(&[entry("x")], Language::English)).len());
}

#[test]
fn a_page_asks_for_nothing_and_runs_nothing() {
    let page = page_of("x", &[story("x", 40)], Language::English);
    for tag in tags(&page) {
        assert!(!tag.starts_with("script"), "{tag}");
        assert!(!tag.contains(" src="), "{tag}");
        let follows = tag.starts_with("a href=\"https://")
            // What is saved by a click is in the page itself.
            || tag.starts_with("a download=\"x.jsonl\" href=\"data:")
            || tag.starts_with("link rel=\"icon\" href=\"data:");
        assert!(follows || !tag.contains("href=") || tag.contains("href=\"#"), "{tag}");
    }
    assert!(!include_str!("style.css").contains("url("));
    assert!(!include_str!("style.css").contains("@import"));
}

#[test]
fn what_is_opened_is_closed() {
    let page = page_of("x", &[story("x", 500), story("y", 3)], Language::Chinese);
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(&page) {
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "is closed by {tag}"),
            None if tag.ends_with('/') || ["!doctype", "meta", "link", "br"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn ids_are_there_once_and_links_lead_to_them() {
    let page = page_of(
        "x",
        &[story("x", 30), Story { checks: vec![], ..story("y", 30) }],
        Language::English,
    );
    let values = |attribute: &str| -> Vec<String> {
        let part = |part: &str| part.split('"').next().unwrap_or_default().to_owned();
        page.split(attribute).skip(1).map(part).collect()
    };
    let mut ids = values(" id=\"");
    for target in values("href=\"#") {
        assert!(ids.contains(&target), "#{target} is nowhere");
    }
    let many = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), many);
}

#[test]
fn a_hundred_thousand_packets_make_a_page_that_one_can_send() {
    let one = page_of("x", &[story("some name", 100_000)], Language::English);
    assert!(one.len() < 2_000_000, "{} bytes", one.len());
    assert!(one.contains("packets left out: "));
    let many: Vec<Story> = (0..20).map(|_| story("some name", 2_000)).collect();
    let many = page_of("x", &many, Language::English);
    assert!(many.len() < 2_000_000, "{} bytes", many.len());
}

#[test]
fn who_needs_little_leaves_more_to_the_others() {
    let fair = |needs: &[usize], total| fair(needs.iter().copied(), total);
    assert_eq!(fair(&[5, 6, 7], 20), usize::MAX);
    assert_eq!(fair(&[100, 10, 100], 110), 50);
    assert_eq!(fair(&[100, 100], 50), 25);
    assert_eq!(fair(&[], 50), usize::MAX);
}

#[test]
fn the_same_findings_give_the_same_bytes() {
    let stories = [story("x", 300)];
    let page = || page_of("x", &stories, Language::English);
    assert_eq!(page(), page());
}

#[test]
fn a_long_recording_shows_its_ends_and_what_was_dropped() {
    let taken = |n| PacketLine { retry: 0, ..packet(n, "", Fate::Taken) };
    let mut packets: Vec<PacketLine> = (0..1000).map(taken).collect();
    packets[500].fate = Fate::DroppedOnTheWire("x".into());
    let pieces = fold::fold(&packets, 40);
    let shown = |at| pieces.contains(&fold::Piece::Packet(at));
    assert!(shown(0) && shown(499) && shown(500) && shown(999) && !shown(300));
    let many = pieces.iter().filter(|piece| matches!(piece, fold::Piece::Packet(_))).count();
    assert!(many <= 40, "{many}");
    let left_out: usize = pieces
        .iter()
        .map(|piece| match piece {
            fold::Piece::LeftOut(many) => *many,
            fold::Piece::Packet(_) => 0,
        })
        .sum();
    assert_eq!(left_out + many, 1000);
}

#[test]
fn numbers_that_cannot_be_drawn_do_no_harm() {
    let mut story = story("x", 10);
    story.packets[0].sent_ms = f64::NEG_INFINITY;
    story.packets[1].arrived_ms = Some(1e308);
    story.packets[2].sent_ms = f64::NAN;
    story.packets[3].from = 9;
    story.series[0].points = vec![(f64::NAN, 1.0), (-1e308, 1e308), (1e308, -1e308)];
    story.counters[0] =
        CounterLine { before: i64::MIN, after: i64::MAX, ..story.counters[0].clone() };
    let page = page_of("x", &[story], Language::English);
    let drawn = page.split("<svg").skip(1).filter_map(|rest| rest.split("</svg>").next());
    for figure in drawn {
        for attribute in ["x1=\"", "y1=\"", "x=\"", "y=\"", " d=\"M", "viewBox=\"0 0 720 "] {
            for value in figure.split(attribute).skip(1) {
                assert!(!value.starts_with("NaN") && !value.starts_with("inf"), "{attribute}");
            }
        }
    }
}

#[test]
fn states_stand_in_a_lane_and_other_lists_do_not() {
    let words = Language::English.words();
    let rows = |cell: &str| vec![vec![cell.to_owned()]];
    let table =
        |cell: &str| Table { says: "x".into(), columns: vec!["x".into()], rows: rows(cell) };
    let shown = |cell: &str| data::found(&table(cell), 20, words).finish();
    let lane = shown("ESTAB, LAST-ACK, gone");
    assert_eq!(lane.matches("<li").count(), 3, "{lane}");
    assert!(lane.contains(words.lanes_note), "{lane}");
    for other in ["ESTAB", "gone, with the wind", "0, 0"] {
        assert!(!shown(other).contains("<li"), "{other}");
    }
}

#[test]
fn packets_that_a_story_hides_are_not_said_to_be_in_its_table() {
    for (language, all) in [(Language::English, "All"), (Language::Chinese, "全部")] {
        let words = language.words();
        let table = |not_drawn: Option<&str>| {
            let not_drawn = not_drawn.map(str::to_owned);
            let table = data::packets(&Story { not_drawn, ..story("x", 6) }, 20, words).finish();
            let summary = table.split("<summary>").nth(1).and_then(|rest| rest.split('<').next());
            summary.expect("it has a summary").to_owned()
        };
        let bare = format!("{} (6)", words.packets_as_table);
        assert_eq!(table(None), bare);
        let hidden = words.not_in_table.replace("{}", "95 more datagrams");
        assert_eq!(table(Some("95 more datagrams")), format!("{bare}. {hidden}"));
        assert!(!bare.contains(all), "{bare}");
    }
}

/// A busy machine does not look as often as it is asked to.
#[test]
fn how_often_states_are_asked_for_is_no_promise() {
    assert!(Language::English.words().lanes_over_time.contains("every 5 ms, or less often"));
    assert!(Language::Chinese.words().lanes_over_time.contains("每 5 ms 查询一次，机器繁忙时"));
}
