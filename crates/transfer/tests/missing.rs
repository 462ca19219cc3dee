//! What a sender leaves out of what it was asked for: it is told to the receiver, once.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::os::unix::fs::symlink;

use tests::Directory;
use tokio::io::duplex;
use tokio::try_join;
use transfer::limits::MAX_LEFT_OUT;
use transfer::{Folder, Patience, Receiving, Sending, Source, Told, Watch, Wire, receive, send};

/// What did not come over.
#[derive(Debug, Default)]
struct Lost(Vec<(String, String)>);

impl Watch for Lost {
    fn told(&mut self, told: Told<'_>) {
        if let Told::Dropped { path, reason, .. } = told {
            self.0.push((path.to_owned(), reason.to_owned()));
        }
    }
}

/// What is told to each side, sender first, of what was asked for in `out` and does not come.
async fn over(out: &Directory, receiving: &mut Receiving) -> [Lost; 2] {
    let (one, other) = duplex(1000);
    let into = Directory::new();
    let folder = Folder::open(into.path()).unwrap();
    let mut source = Source::default();
    for path in receiving.asked() {
        source.add_asked(out.path(), path);
    }
    let mut sending = Sending::asked(source);
    let [mut sender, mut receiver] = [one, other].map(|end| Wire::new(end, Patience::default()));
    let (mut sent, mut received) = (Lost::default(), Lost::default());
    try_join!(
        send(&mut sender, &mut sending, &mut sent),
        receive(&mut receiver, &folder, receiving, &mut received),
    )
    .unwrap();
    [sent, received]
}

#[tokio::test]
async fn a_thousand_are_told_by_name_and_the_others_in_a_sum() {
    let out = Directory::new();
    fs::create_dir(out.join("all")).unwrap();
    for number in 0..MAX_LEFT_OUT + 7 {
        symlink("nowhere", out.join(format!("all/{number:05}"))).unwrap();
    }
    let mut receiving = Receiving::default().asking(vec!["all".to_owned()]);
    for Lost(lost) in over(&out, &mut receiving).await {
        assert_eq!(lost.len(), MAX_LEFT_OUT + 1);
        let link = "a symbolic link, which is not followed";
        assert_eq!(lost[7], ("all/00007".to_owned(), link.to_owned()));
        assert_eq!(lost[MAX_LEFT_OUT], (String::new(), "7 more are left out".to_owned()));
    }
}

/// A client whose connection has broken asks for the same again.
#[tokio::test]
async fn it_is_not_told_again_over_the_next_connection() {
    let out = Directory::new();
    symlink("nowhere", out.join("link")).unwrap();
    let asked = ["link", "nowhere"].map(str::to_owned).to_vec();
    let mut receiving = Receiving::remembering().asking(asked);
    for count in [2, 0] {
        let [sent, received] = over(&out, &mut receiving).await;
        assert_eq!((sent.0.len(), received.0.len()), (2, count), "{received:?}");
    }
}
