use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::packet::Transport;

const A: HostId = HostId(0);
const B: HostId = HostId(1);

const LEN: usize = 100;

fn rules(list: impl IntoIterator<Item = Rule>) -> Rules {
    seeded(0, list)
}

fn seeded(seed: u64, list: impl IntoIterator<Item = Rule>) -> Rules {
    let mut rules = Rules::new(seed);
    list.into_iter().for_each(|rule| rules.add(rule));
    rules
}

/// What the rules say of a packet that is sent at `micros`, in words: `12000 slower, copy 12000 twice`.
fn ask_at(rules: &mut Rules, micros: u64, from: HostId, to: HostId) -> String {
    ask_of(rules, micros, from, to, None)
}

fn ask_of(
    rules: &mut Rules,
    micros: u64,
    from: HostId,
    to: HostId,
    packet: Option<&Packet>,
) -> String {
    let passing = Passing { from, to: Some(to), sent: Moment(micros * 1000), len: LEN, packet };
    let mut outcomes = Vec::new();
    rules.judge(&passing, |outcome| outcomes.push(outcome));
    let words = |outcome: &Outcome| {
        let mut words = Vec::new();
        words.extend(outcome.is_copy.then(|| "copy".to_owned()));
        words.push(match outcome.fate {
            Fate::Deliver { at, held: None } => (at.0 / 1000).to_string(),
            Fate::Deliver { at, held: Some(held) } => {
                format!("{} after {}", at.0 / 1000, held.others)
            }
            Fate::Drop => "dropped".to_owned(),
        });
        words.extend(outcome.rule.map(|rule| rules.name(rule).to_owned()));
        words.join(" ")
    };
    outcomes.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn ask(rules: &mut Rules) -> String {
    ask_at(rules, 0, A, B)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn delays_add_up_and_the_first_drop_decides() {
    let mut rules = rules([
        Rule::delay("slow", millis(5)),
        Rule::delay("slower", millis(7)).from(A),
        Rule::drop("lost").from(A).times(1),
        Rule::cut("cut").to(A),
    ]);
    assert_eq!(ask_at(&mut rules, 0, A, B), "dropped lost");
    assert_eq!(ask_at(&mut rules, 3, A, B), "12003 slower");
    assert_eq!(ask_at(&mut rules, 0, B, A), "dropped cut");
    assert_eq!(ask_at(&mut rules, 0, B, B), "5000 slow");
}

#[test]
fn a_rule_about_ip_packets_leaves_others_alone() {
    let datagram = |len| Packet {
        source: IpAddr::from([10, 0, 0, 1]),
        destination: IpAddr::from([10, 0, 0, 2]),
        transport: Transport::Udp { source_port: 1, destination_port: 2, len },
    };
    let is_empty = |packet: &Packet| matches!(packet.transport, Transport::Udp { len: 0, .. });
    let mut rules = rules([Rule::drop("empty").matching(is_empty)]);
    assert!(rules.look_at_packets());
    assert_eq!(ask_of(&mut rules, 0, A, B, None), "0");
    assert_eq!(ask_of(&mut rules, 0, A, B, Some(&datagram(1))), "0");
    assert_eq!(ask_of(&mut rules, 0, A, B, Some(&datagram(0))), "dropped empty");
}

#[test]
fn a_rule_may_mean_certain_packets_among_those_that_match() {
    for (rule, dropped) in [
        (Rule::drop("x").only([3]), &[3][..]),
        (Rule::drop("x").only([1, 4, 4]), &[1, 4]),
        (Rule::drop("x").every(3), &[3, 6, 9]),
        (Rule::drop("x").every(3).times(2), &[3, 6]),
        (Rule::drop("x").every(2).only([3, 4]), &[4]),
        (Rule::drop("x").times(2), &[1, 2]),
        (Rule::drop("x").only([]), &[]),
        (Rule::drop("x").chance(1.0).times(1), &[1]),
        (Rule::drop("x").chance(0.0), &[]),
    ] {
        let mut rules = rules([rule.from(A)]);
        let mut seen = Vec::new();
        for number in 1..=10 {
            // Packets of the other direction do not count.
            assert_eq!(ask_at(&mut rules, 0, B, A), "0");
            if ask(&mut rules) == "dropped x" {
                seen.push(number);
            }
        }
        assert_eq!(seen, dropped, "{rules:?}");
    }
}

#[test]
fn a_copy_is_judged_by_the_rules_after_the_one_that_made_it() {
    let mut rules = rules([
        Rule::delay("slow", millis(5)),
        Rule::duplicate("twice").only([1, 2]),
        Rule::drop("lost").only([4]),
        Rule::delay("slower", millis(7)),
    ]);
    assert_eq!(ask(&mut rules), "12000 slower, copy 12000 twice");
    assert_eq!(ask(&mut rules), "12000 slower, copy dropped lost");
    assert_eq!(ask(&mut rules), "12000 slower");
}

#[test]
fn two_rules_that_duplicate_make_four() {
    let mut rules = rules([Rule::duplicate("twice"), Rule::duplicate("and twice")]);
    let outcome = ask(&mut rules);
    assert_eq!(outcome, "0, copy 0 twice, copy 0 and twice, copy 0 and twice");
}

#[test]
fn a_packet_that_is_held_back_says_by_which_rule() {
    let mut rules =
        rules([Rule::reorder("held", 2, millis(50)).only([1]), Rule::delay("slow", millis(5))]);
    assert_eq!(ask(&mut rules), "5000 after 2 held");
    assert_eq!(ask(&mut rules), "5000 slow");
}

#[test]
fn every_sender_has_its_own_link_unless_the_rule_names_a_host() {
    // 100 bytes take 1 ms; as many wait.
    let rate = || Rule::rate("rate", 800_000, 2 * LEN);
    let mut own = rules([rate()]);
    assert_eq!(ask_at(&mut own, 0, A, B), "1000 rate");
    assert_eq!(ask_at(&mut own, 0, B, A), "1000 rate");
    assert_eq!(ask_at(&mut own, 0, A, B), "2000 rate");
    assert_eq!(ask_at(&mut own, 0, A, B), "dropped rate");
    let mut shared = rules([rate().to(B)]);
    assert_eq!(ask_at(&mut shared, 0, A, B), "1000 rate");
    assert_eq!(ask_at(&mut shared, 0, HostId(2), B), "2000 rate");
    assert_eq!(ask_at(&mut shared, 0, B, A), "0");
}

#[test]
fn a_rate_after_a_jitter_keeps_the_order() {
    let jitter = || Rule::jitter("uneven", millis(5), millis(5));
    let rate = || Rule::rate("rate", 1_000_000_000, 1_000_000);
    let arrivals = |mut rules: Rules| -> Vec<u64> {
        let at = |n: u64| ask_at(&mut rules, n * 10, A, B);
        let words: Vec<String> = (0..100).map(at).collect();
        words.iter().map(|w| w.split(' ').next().unwrap().parse().unwrap()).collect()
    };
    assert!(!arrivals(rules([jitter()])).is_sorted());
    assert!(arrivals(rules([jitter(), rate()])).is_sorted());
}

#[test]
fn rules_change_while_the_wire_runs() {
    let mut rules = rules([
        Rule::drop("lost").only([2]),
        Rule::delay("slow", millis(5)),
        Rule::delay("slow", millis(5)),
    ]);
    assert_eq!(ask(&mut rules), "10000 slow");
    rules.replace("slow", Rule::delay("quick", millis(1)));
    assert_eq!(ask(&mut rules), "dropped lost");
    assert_eq!(ask(&mut rules), "1000 quick");
    rules.replace("not there", Rule::cut("cut"));
    assert_eq!(ask(&mut rules), "dropped cut");
    rules.remove("cut");
    rules.remove("quick");
    assert_eq!(ask(&mut rules), "0");
}

/// Rules of every kind that plays dice.
fn by_chance() -> [Rule; 4] {
    [
        Rule::drop("lost").chance(0.1),
        Rule::jitter("uneven", millis(5), millis(3)),
        Rule::duplicate("twice").chance(0.2),
        Rule::reorder("held", 2, millis(50)).chance(0.3),
    ]
}

#[test]
fn chance_is_as_likely_as_it_says() {
    let mut rules = seeded(1, by_chance());
    let outcomes: Vec<String> = (0..10_000).map(|_| ask(&mut rules)).collect();
    let count = |word| outcomes.iter().filter(|outcome| outcome.contains(word)).count();
    // Six standard deviations around what is likely; of 9,000 packets that are left a fifth is doubled.
    assert!((820..=1180).contains(&count("lost")), "{}", count("lost"));
    assert!((1570..=2030).contains(&count("copy")), "{}", count("copy"));
    let delays =
        outcomes.iter().filter_map(|outcome| outcome.split(' ').next()?.parse::<u64>().ok());
    let (least, most) = delays.fold((u64::MAX, 0), |(l, m), d| (l.min(d), m.max(d)));
    assert!((2000..2100).contains(&least) && (7900..=8000).contains(&most), "{least}..{most}");
}

proptest! {
    /// The same seed gives the same decisions for the packets of a host, however those of another one
    /// come between them, and another seed gives other ones.
    #[test]
    fn the_same_seed_decides_the_same(seed: u64, order in prop::collection::vec(any::<bool>(), 200)) {
        let alone = |from: HostId, to: HostId| -> Vec<String> {
            let mut rules = seeded(seed, by_chance());
            (0..200).map(|_| ask_at(&mut rules, 0, from, to)).collect()
        };
        let (of_a, of_b) = (alone(A, B), alone(B, A));
        prop_assert_ne!(&of_a, &of_b);
        let mut rules = seeded(seed, by_chance());
        let (mut next_a, mut next_b) = (of_a.iter(), of_b.iter());
        for first in order {
            let (next, (from, to)) =
                if first { (&mut next_a, (A, B)) } else { (&mut next_b, (B, A)) };
            prop_assert_eq!(next.next().unwrap(), &ask_at(&mut rules, 0, from, to));
        }
        let mut other = seeded(seed.wrapping_add(1), by_chance());
        let others: Vec<String> = (0..200).map(|_| ask(&mut other)).collect();
        prop_assert_ne!(of_a, others);
    }

    /// No rule makes a packet arrive before it was sent, and each packet has one outcome that is no copy.
    #[test]
    fn nothing_arrives_before_it_was_sent(seed: u64, gaps in prop::collection::vec(0_u64..2_000_000, 1..100)) {
        let mut rules = seeded(seed, by_chance());
        rules.add(Rule::rate("rate", 1_000_000, 5000));
        let mut sent = Moment(0);
        for gap in gaps {
            sent = sent.after(Duration::from_nanos(gap));
            let passing = Passing { from: A, to: Some(B), sent, len: LEN, packet: None };
            let mut outcomes = Vec::new();
            rules.judge(&passing, |outcome| outcomes.push(outcome));
            prop_assert_eq!(outcomes.iter().filter(|outcome| !outcome.is_copy).count(), 1);
            for outcome in outcomes {
                match outcome.fate {
                    Fate::Deliver { at, .. } => prop_assert!(at >= sent),
                    Fate::Drop => prop_assert!(outcome.rule.is_some()),
                }
            }
        }
    }
}
