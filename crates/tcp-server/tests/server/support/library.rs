use tcp_server::{
    BindOptions, Closed, Config, Ending, Limits, Listener, Observer, Service, Stopper, Summary,
    run, stop_pair,
};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::soon;
use super::way::{Dialed, Way, tls_server};

/// A server in this process.
pub(crate) struct Server {
    pub(crate) addr: String,
    way: Way,
    pub(crate) stopper: Stopper,
    closed: mpsc::UnboundedReceiver<Closed>,
    task: JoinHandle<Summary>,
}

struct Tell(mpsc::UnboundedSender<Closed>);

impl Observer for Tell {
    fn closed(&self, closed: &Closed) {
        // A test that has ended listens no more.
        let _ = self.0.send(closed.clone());
    }
}

impl Server {
    pub(crate) async fn start(service: impl Service, limits: Limits) -> Self {
        let config = Config { limits, ..Config::default() };
        Self::start_at("127.0.0.1:0", &BindOptions::default(), service, config).await
    }

    /// The same, to be reached by [`Server::dial`] over this.
    pub(crate) async fn over(way: Way, service: impl Service, limits: Limits) -> Self {
        let tls = way.is_tls().then(tls_server);
        let config = Config { limits, tls, ..Config::default() };
        let options = BindOptions::default();
        Self { way, ..Self::start_at(&way.address(), &options, service, config).await }
    }

    pub(crate) async fn start_at(
        addr: &str,
        options: &BindOptions,
        service: impl Service,
        config: Config,
    ) -> Self {
        let listener = Listener::bind(&addr.parse().unwrap(), options).await.unwrap();
        let addr = listener.local_address().to_string();
        let (stopper, stop) = stop_pair();
        let (sender, closed) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(listener, config, service, Tell(sender), stop));
        Self { addr, way: Way::Tcp, stopper, closed, task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        soon("connecting", TcpStream::connect(&self.addr)).await.unwrap()
    }

    /// A client over the server's own way.
    pub(crate) async fn dial(&self) -> Dialed {
        soon("connecting", self.way.dial(&self.addr)).await
    }

    /// The next connection that has ended.
    pub(crate) async fn closed(&mut self) -> Closed {
        soon("the end of a connection", self.closed.recv()).await.unwrap()
    }

    pub(crate) async fn ending(&mut self) -> Ending {
        self.closed().await.ending
    }

    /// Waits until the server itself has ended.
    pub(crate) async fn end(self) -> Summary {
        soon("the server's end", self.task).await.unwrap()
    }
}

/// Everything that still comes, up to the end of the stream.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    soon("the end of the stream", stream.read_to_end(&mut bytes)).await.unwrap();
    bytes
}
