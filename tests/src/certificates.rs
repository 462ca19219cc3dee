//! Certificates for tests: an authority, and what it signs.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::Directory;

/// An authority with a folder for what it signs, which is removed when this is dropped.
pub struct Authority {
    folder: Directory,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, that nobody trusts yet.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Directory::new();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Two of one name would be taken for one, whose signature is wrong.
        let name = format!("authority {number} of the tests");
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    /// The file with its own certificate.
    pub fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// Signs a certificate for these names, and puts it with its key into one file of this name.
    pub fn sign(&self, file: &str, names: &[&str]) -> String {
        self.sign_until(file, names, 2100)
    }

    /// The same for one that has expired long ago.
    pub fn sign_expired(&self, file: &str, names: &[&str]) -> String {
        self.sign_until(file, names, 2020)
    }

    /// A path in its folder.
    pub fn path(&self, file: &str) -> String {
        self.folder.join(file).to_str().unwrap().to_owned()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn sign_until(&self, file: &str, names: &[&str], year: i32) -> String {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = self.path(file);
        fs::write(&path, format!("{}{}", certificate.pem(), key.serialize_pem())).unwrap();
        path
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}
