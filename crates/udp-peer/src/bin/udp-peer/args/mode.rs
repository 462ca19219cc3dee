//! What the program does, in one word.

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Recv,
    Send,
    Chat,
    SendFile,
    RecvFile,
    Ping,
    Echo,
    Key,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recv => "recv",
            Self::Send => "send",
            Self::Chat => "chat",
            Self::SendFile => "send-file",
            Self::RecvFile => "recv-file",
            Self::Ping => "ping",
            Self::Echo => "echo",
            Self::Key => "key",
        }
    }
}
