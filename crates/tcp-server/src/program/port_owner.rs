//! Which process listens on a port.

use std::fs;

/// A process.
pub(crate) struct Owner {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// The process that listens on TCP port `port`, if `/proc` shows it: on Linux, and where it is one's own
/// or one is root.
pub(crate) fn find(port: u16) -> Option<Owner> {
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let table = fs::read_to_string(table).unwrap_or_default();
        for inode in listening_inodes(&table, port) {
            sockets.push(format!("socket:[{inode}]"));
        }
    }
    if sockets.is_empty() {
        return None;
    }
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let mut targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if targets.any(|target| target.to_str().is_some_and(|t| sockets.iter().any(|s| s == t))) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(Owner { pid, name: name.trim_end().escape_debug().to_string() });
        }
    }
    None
}

/// The inodes of the sockets that listen on `port`, out of the text of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<&str> {
    const LISTEN: &str = "0A";
    let port = format!("{port:04X}");
    let mut inodes = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [_, local, _, LISTEN, _, _, _, _, _, inode, ..] = fields[..]
            && local.rsplit(':').next() == Some(port.as_str())
        {
            inodes.push(inode);
        }
    }
    inodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1EC6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:1EC6 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 22 1 0 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1 0 100 0 0 10 0
";
        assert_eq!(listening_inodes(table, 7878), ["11"]);
        assert_eq!(listening_inodes(table, 22), ["33"]);
        assert!(listening_inodes(table, 7879).is_empty());
        assert!(listening_inodes("", 22).is_empty());
    }

    #[test]
    fn a_listening_process_finds_itself() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = find(listener.local_addr().unwrap().port()).unwrap();
        assert_eq!(owner.pid, std::process::id());
    }
}
