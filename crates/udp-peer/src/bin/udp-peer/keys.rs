//! `udp-peer key`: our key, and those of others.

use std::io;

use cli::{Exit, Failure};

use crate::args::{KeyArgs, KeyCommand};
use crate::private::meeting::Peer;
use crate::private::own_key;
use crate::report::Report;

/// Shows, makes or remembers a key.
pub(crate) fn run(args: &KeyArgs, report: &Report) -> Result<(), Failure> {
    let path = own_key::path(args.identity.as_deref())?;
    match args.command.as_ref().unwrap_or(&KeyCommand::Show) {
        KeyCommand::Show => {
            let (identity, is_new) = own_key::load_or_make(&path)?;
            if is_new {
                report.made_key(&path, &identity.public());
            }
            report.own_key(&path, &identity.public());
        }
        KeyCommand::Make => match own_key::make(&path) {
            Ok(identity) => {
                report.made_key(&path, &identity.public());
                report.own_key(&path, &identity.public());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("there is a key already in {}", path.display());
                return Err(Failure::new(Exit::Usage, "key_exists", message).hint(
                    "who knows it would not know a new one: move it away if that is wanted",
                ));
            }
            Err(error) => {
                let what = format!("cannot make our key in {}", path.display());
                return Err(Failure::from_io(Exit::Usage, &what, &error));
            }
        },
        KeyCommand::Pin { address, key } => {
            let peer = Peer::new(address, None);
            let known = peer.judge(key)?;
            report.pinned(&address.to_string(), key, known, peer.file());
        }
    }
    Ok(())
}
