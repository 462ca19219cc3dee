//! What went wrong, in words that do not take a library's source to understand.

use std::io;

use proto::TlsFault;
use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

/// The same error with its fault of TLS inside, if it is one.
///
/// `UnexpectedEof` is how rustls says that the end came without `close_notify`.
pub(crate) fn named(error: io::Error) -> io::Error {
    let inner = error.get_ref();
    let fault = match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => of(error),
        None if inner.and_then(|inner| inner.downcast_ref::<TlsFault>()).is_some() => return error,
        None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFault::Truncated,
        None => return error,
    };
    io::Error::new(error.kind(), fault)
}

/// The fault that an error of rustls is.
pub(crate) fn of(error: &Error) -> TlsFault {
    match error {
        Error::NoCertificatesPresented => TlsFault::NoCertificate,
        Error::InvalidCertificate(error) => TlsFault::Certificate { why: of_certificate(error) },
        Error::AlertReceived(alert) => TlsFault::Refused { alert: of_alert(*alert) },
        error => TlsFault::Disagreement { why: words(error) },
    }
}

pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::PeerIncompatible(why) => of_peer(why).to_owned(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the peer sent a message of TLS that is out of turn, as one does that sends back what it gets"
                .to_owned()
        }
        Error::InvalidMessage(what) => format!("the peer sent what is no message of TLS ({what:?})"),
        Error::DecryptError => "what the peer sent was changed on the way".to_owned(),
        Error::PeerSentOversizedRecord => "the peer sent a record beyond the limit of TLS".to_owned(),
        error => error.to_string(),
    }
}

fn of_peer(why: &PeerIncompatible) -> &'static str {
    match why {
        PeerIncompatible::NoCipherSuitesInCommon => "the peer has no cipher that is safe today",
        PeerIncompatible::NoKxGroupsInCommon => "the peer has no key exchange that is offered here",
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "the peer has no signature that fits the certificate"
        }
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the peer speaks an old TLS only; 1.2 and 1.3 are spoken here"
        }
        _ => "the peer lacks what a safe TLS needs today",
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::BadEncoding => "it is no certificate".into(),
        CertificateError::Expired => "it has expired".into(),
        CertificateError::ExpiredContext { time, not_after } => {
            let days = (time.as_secs().saturating_sub(not_after.as_secs())) / 86_400;
            match days {
                0 => "it has expired today".into(),
                1 => "it has expired a day ago".into(),
                days => format!("it has expired {days} days ago"),
            }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; is the clock right?".into()
        }
        CertificateError::Revoked => "it has been revoked".into(),
        CertificateError::UnknownIssuer => "nobody who is trusted here has signed it".into(),
        CertificateError::BadSignature => "its signature is wrong".into(),
        CertificateError::NotValidForName => "it is for another name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            // As the certificate has them: DnsName("a.example"), IpAddress(..).
            let names = match presented.as_slice() {
                [] => "no name".to_owned(),
                names => names.join(", "),
            };
            format!("it is for {names}, and not for {}", expected.to_str())
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for this purpose".into()
        }
        CertificateError::Other(other) if is_of_authority(other) => {
            "it is that of an authority, and no peer's own".into()
        }
        CertificateError::Other(other) => other.to_string(),
        error => format!("{error:?}"),
    }
}

/// Whether a certificate is refused because it is marked as an authority's. rustls has no error of its own
/// for it, and hands on that of the library that it asks.
pub(crate) fn is_of_authority(why: &OtherError) -> bool {
    why.to_string().contains("CaUsedAsEndEntity")
}

/// The alerts of RFC 8446 section 6.2 that a person can do something about; the others by their name.
fn of_alert(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::BadCertificate => "it does not take our certificate",
        AlertDescription::CertificateExpired => "our certificate has expired",
        AlertDescription::CertificateRequired => "it wants a certificate of ours",
        AlertDescription::CertificateRevoked => "our certificate has been revoked",
        AlertDescription::CertificateUnknown => "it does not trust our certificate",
        AlertDescription::UnknownCA => "it does not know who has signed our certificate",
        AlertDescription::DecryptError => "it finds a signature of ours wrong",
        AlertDescription::HandshakeFailure => {
            "it has no cipher in common with us, or wants a certificate"
        }
        AlertDescription::ProtocolVersion => "it does not speak our version of TLS",
        AlertDescription::UnrecognisedName => "it has no certificate for this name",
        AlertDescription::UnexpectedMessage => "it got what is out of turn, or no TLS",
        alert => return format!("alert {alert:?}"),
    };
    words.to_owned()
}
