//! An address as somebody writes it.

use proto::Address;

/// What can be read is written so that it is read as the same, also in two parts as `nc` takes them.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address.clone()), "{text:?}");
    }
    let (host, port) = text.split_once(' ').unwrap_or((text, "80"));
    if let Ok(address) = Address::from_host_and_port(host, port) {
        assert_eq!(address.to_string().parse(), Ok(address.clone()), "{host:?} {port:?}");
    }
}
