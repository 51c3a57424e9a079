//! Each client against the simulated world, over real HTTP.

use std::collections::BTreeSet;
use std::time::Duration as RealDuration;

use futures_util::StreamExt;
use pocpit::config::Exposure;
use pocpit::domain::{
    ActualStatus, Blocks, CallErrorKind, CallbackHost, EpochIndex, Height, InferencePort,
    InstanceId, NodeConfig, NodeId, Offer, OfferId, Participant, RentOrder, Requirement,
    ServiceState, SourceReport, StartupState, Time, UsdPerHour, Workload,
};
use pocpit::http::HttpClient;
use pocpit::mlnode::client::MlNodeFactory;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Chain, Market, NetworkNode, Remote, RentError, TunnelSpec};
use pocpit::ssh::OpenSshRemote;
use pocpit::world::{
    ChainAccess, ChainAge, EnvironmentRule, Fault, FaultKind, MODEL, Scenario, WORKER_PRIVATE_KEY,
};

use crate::scene::{Scene, eventually};

fn node(id: &str) -> NodeConfig {
    NodeConfig {
        id: NodeId(id.into()),
        host: "127.0.0.1".into(),
        inference_port: 15_000,
        inference_segment: String::new(),
        poc_port: 18_080,
        poc_segment: String::new(),
        max_concurrent: 10,
        models: [(
            MODEL.to_owned(),
            vec!["--tensor-parallel-size".into(), "4".into()],
        )]
        .into(),
        hardware: Vec::new(),
    }
}

#[tokio::test]
async fn subscription_reports_new_blocks() {
    let scene = Scene::new(60.0, Scenario::default()).await;
    let reports: Vec<SourceReport> = scene.chain().announced().take(3).collect().await;
    let headers: Vec<(Height, Option<Time>)> = reports
        .iter()
        .map(|report| report.head.as_ref().unwrap())
        .map(|head| (head.height, head.block_time))
        .collect();
    let first = headers[0].0;
    for (further, (height, time)) in headers.iter().enumerate() {
        assert_eq!(*height, first + Blocks(further as u64));
        let header = scene.chain().header(*height).await.unwrap();
        assert_eq!(*time, Some(header.time));
    }
}

#[tokio::test]
async fn container_log_is_fetched() {
    let scene = Scene::new(600.0, Scenario::default()).await;
    let market = scene.market();
    let id = scene.rent().await;
    while !matches!(market.instance(id).await, Ok(Some(i)) if i.actual == ActualStatus::Running) {
        tokio::time::sleep(RealDuration::from_millis(50)).await;
    }
    let all = market.container_log(id, 200).await.unwrap();
    assert!(all.starts_with("Generating public/private"), "{all}");
    let last = market.container_log(id, 1).await.unwrap();
    assert_eq!(last, format!("onstart of C.{id} ran\n"));
    let error = market.container_log(InstanceId(7), 1).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn chain_stages_headers_models_are_read() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let chain = scene.chain();
    let view = chain.epoch().await.unwrap();
    assert_eq!(view.epoch.next(), view.next.epoch);
    assert!(view.height < view.next.poc_start);
    let latest = chain.stored_blocks().await.unwrap().latest;
    let earlier = chain.header(Height(latest.height.0 - 1_000)).await.unwrap();
    let seconds = (latest.time - earlier.time).num_seconds();
    assert!(
        (5_000..6_500).contains(&seconds),
        "1,000 blocks in {seconds} s"
    );
    let [model] = &chain.approved_models().await.unwrap()[..] else {
        panic!("one model is approved");
    };
    assert_eq!((model.id.as_str(), model.v_ram_gb), (MODEL, Some(320)));
    assert!(model.args.contains(&"--max-model-len".to_owned()));
    assert!(
        chain
            .is_participant(&scene.config.network_node.participant)
            .await
            .unwrap()
    );
    assert!(
        !chain
            .is_participant(&Participant("gonka1nobody".into()))
            .await
            .unwrap()
    );
}

fn with_access(access: ChainAccess) -> Scenario {
    Scenario {
        chain_access: access,
        ..Scenario::default()
    }
}

#[tokio::test]
async fn pruned_node_bounds_the_look_back() {
    // Given an RPC that has the last 400 blocks only.
    let access = ChainAccess {
        blocks_kept: 400,
        ..ChainAccess::default()
    };
    let scene = Scene::new(1.0, with_access(access)).await;
    let chain = scene.chain();
    let stored = chain.stored_blocks().await.unwrap();
    // When the block time is measured over six hours, then the look-back ends at what is there.
    let back = stored.back(Blocks(3_600));
    let lookback = back.until(stored.latest.height);
    assert!((380..400).contains(&lookback.0), "{lookback}");
    let older = chain.header(back).await.unwrap();
    assert!(older.time < stored.latest.time);
    // A block that it lacks is an error that changed nothing.
    let missing = chain.header(back - Blocks(50)).await.unwrap_err();
    assert!(!missing.may_have_happened(), "{missing}");
    assert!(
        missing.to_string().contains("is not available"),
        "{missing}"
    );
}

#[tokio::test]
async fn young_chain_is_read() {
    // Given a chain that began 20 blocks ago: epoch 0 has no PoC.
    let scenario = Scenario {
        blocks_before_poc: 15_391 - 20,
        ..with_access(ChainAccess {
            age: ChainAge::Newborn,
            ..ChainAccess::default()
        })
    };
    let scene = Scene::new(1.0, scenario).await;
    let chain = scene.chain();
    // When it is read, then the first PoC is known,
    let view = chain.epoch().await.unwrap();
    assert_eq!(
        (view.epoch, view.next.epoch),
        (EpochIndex(0), EpochIndex(1))
    );
    assert_eq!(pocpit::chain::epoch::consistent(&view), Ok(()));
    assert_eq!(view.next.poc_start, Height(15_392));
    assert_eq!(view.params.epoch_length, Blocks(15_391));
    // the look-back stays above the first block,
    let stored = chain.stored_blocks().await.unwrap();
    let back = stored.back(Blocks(3_600));
    assert!(back > Height(1) && back < stored.latest.height, "{back}");
    assert!(chain.header(back).await.is_ok());
    // and there are no weights yet, which is a refusal and no outage.
    let ours = &scene.config.network_node.participant;
    let error = chain.weight(ours, &NodeId("x".into())).await.unwrap_err();
    assert_eq!(
        (error.kind, error.status),
        (CallErrorKind::Refused, Some(400))
    );
}

#[tokio::test]
async fn weights_belong_to_active_epoch() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let reading = scene
        .chain()
        .weight(
            &scene.config.network_node.participant,
            &NodeId("colleague-1".into()),
        )
        .await
        .unwrap();
    assert_eq!(
        reading.epoch,
        Some(scene.chain().epoch().await.unwrap().epoch)
    );
    let stranger = Participant("gonka1nobody".into());
    let reading = scene
        .chain()
        .weight(&stranger, &NodeId("x".into()))
        .await
        .unwrap();
    assert_eq!((reading.participant, reading.node), (None, None));
}

#[tokio::test]
async fn failing_source_is_replaced() {
    let fault = |nth| Fault {
        service: "public".into(),
        call: "GET /v1/epochs/latest".into(),
        nth,
        probability: None,
        kind: FaultKind::Status {
            status: 503,
            body: "down".into(),
        },
    };
    let mut scene = Scene::new(
        1.0,
        Scenario {
            faults: vec![fault(None)],
            ..Scenario::default()
        },
    )
    .await;
    assert!(scene.chain().epoch().await.is_err());
    let other = Scene::new(1.0, Scenario::default()).await;
    scene
        .config
        .chain
        .public_api
        .extend(other.config.chain.public_api.clone());
    assert!(scene.chain().epoch().await.is_ok());
}

#[tokio::test]
async fn search_filters_and_prices_disk() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let (offers, query) = (scene.offers().await, &scene.config.vast.query);
    let kinds: BTreeSet<String> = offers.iter().map(Offer::gpus).collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["4x H100 SXM", "4x H200", "8x H100 SXM"]);
    for offer in &offers {
        let price = UsdPerHour(offer.gpu_price.0 + offer.storage_price(query.disk_gb).0);
        assert!(price <= query.max_price, "{price}");
        assert!(
            offer
                .ends_at
                .is_some_and(|end| end > scene.world.clock().now())
        );
    }
}

#[tokio::test]
async fn search_reads_every_page() {
    let scenario = Scenario {
        machines: 20_000,
        ..Scenario::default()
    };
    let scene = Scene::new(1.0, scenario).await;
    let mut ids: Vec<OfferId> = scene.offers().await.iter().map(|offer| offer.id).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    // A page holds 64; one in 20 machines has the GPUs, and every eighth of them fits.
    assert!(all > 80, "{all}");
    assert_eq!(ids.len(), all, "no offer is there twice");
}

#[tokio::test]
async fn failed_page_keeps_cheaper_offers() {
    let scenario = Scenario {
        machines: 20_000,
        faults: vec![Fault {
            service: "vast".into(),
            call: "POST /api/v0/bundles/".into(),
            nth: Some(2),
            probability: None,
            kind: FaultKind::Status {
                status: 400,
                body: r#"{"success": false, "error": "invalid_args", "msg": "no"}"#.into(),
            },
        }],
        ..Scenario::default()
    };
    let scene = Scene::new(1.0, scenario).await;
    assert_eq!(scene.offers().await.len(), 64);
}

#[tokio::test]
async fn rental_exists_from_rent_to_destroy() {
    let scene = Scene::new(20.0, Scenario::default()).await;
    let market = scene.market();
    let order = scene.order().await;
    let credit = market.account().await.unwrap().credit;
    assert!(credit.dollars() > 100.0);
    let id = market.rent(&order).await.unwrap();
    // The offer is certainly gone.
    let again = market
        .rent(&RentOrder {
            label: "pocpit/demo/359/2-abc".parse().unwrap(),
            ..order.clone()
        })
        .await;
    assert!(matches!(again, Err(RentError::OfferGone(_))), "{again:?}");
    // It appears in the listing after a moment.
    let listed = eventually(|| async {
        let listed = market.instances().await.unwrap();
        (!listed.is_empty()).then_some(listed)
    })
    .await;
    assert_eq!((listed.len(), listed[0].id), (1, id));
    assert_eq!(
        listed[0].label.as_deref(),
        Some(order.label.to_string().as_str())
    );
    assert_eq!(
        market
            .instance(id)
            .await
            .unwrap()
            .map(|instance| instance.id),
        Some(id)
    );
    market.destroy(id).await.unwrap();
    market.destroy(id).await.unwrap();
    assert!(market.instances().await.unwrap().is_empty());
    assert_eq!(market.instance(id).await.unwrap(), None);
    assert_eq!(market.instance(InstanceId(1)).await.unwrap(), None);
}

#[tokio::test]
async fn lost_rent_reply_is_never_resent() {
    let scene = Scene::new(1.0, Scenario::named("lost-reply").unwrap()).await;
    let order = scene.order().await;
    let lost = scene.market().rent(&order).await;
    assert!(matches!(lost, Err(RentError::Unknown(_))), "{lost:?}");
    assert_eq!(scene.world.truth().rentals.len(), 1);
    let gone = scene
        .market()
        .rent(&RentOrder {
            offer: OfferId(1),
            ..order
        })
        .await;
    assert!(matches!(gone, Err(RentError::OfferGone(_))), "{gone:?}");
}

#[tokio::test]
async fn wrong_key_error_hides_the_key() {
    let mut scene = Scene::new(1.0, Scenario::default()).await;
    scene.config.vast.api_key = "not-the-key".to_owned().into();
    let error = scene.market().instances().await.unwrap_err().to_string();
    assert!(
        error.contains("401") && !error.contains("not-the-key"),
        "{error}"
    );
}

#[tokio::test]
async fn node_is_registered_and_removed() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let network_node = scene.network_node();
    let node = node("vastai-1");
    network_node.register(&node).await.unwrap();
    // Registering again is an update.
    network_node
        .register(&NodeConfig {
            max_concurrent: 20,
            ..node.clone()
        })
        .await
        .unwrap();
    let listed = network_node.nodes().await.unwrap();
    let ours = listed
        .iter()
        .find(|listed| listed.config.id == node.id)
        .expect("it is listed");
    assert_eq!(
        (ours.config.poc_port, ours.config.host.as_str()),
        (18_080, "127.0.0.1")
    );
    assert!(ours.enabled && ours.admin_epoch > EpochIndex(0));
    network_node.disable(&node.id).await.unwrap();
    let enabled = |nodes: Vec<pocpit::domain::RegisteredNode>| {
        nodes
            .into_iter()
            .find(|listed| listed.config.id == node.id)
            .map(|node| node.enabled)
    };
    assert_eq!(enabled(network_node.nodes().await.unwrap()), Some(false));
    network_node.enable(&node.id).await.unwrap();
    assert_eq!(enabled(network_node.nodes().await.unwrap()), Some(true));
    assert!(network_node.unregister(&node.id).await.unwrap());
    assert!(
        !network_node.unregister(&node.id).await.unwrap(),
        "it was gone already"
    );
    assert_eq!(enabled(network_node.nodes().await.unwrap()), None);
}

#[tokio::test]
async fn nodes_sharing_a_host_need_ports() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let network_node = scene.network_node();
    let first = node("vastai-1");
    network_node.register(&first).await.unwrap();
    // Given a node at an address, when another one wants one of its ports, then it is refused,
    let second = NodeConfig {
        inference_port: 15_001,
        ..node("vastai-2")
    };
    assert!(network_node.register(&second).await.is_err());
    // and with ports of its own it is accepted.
    let second = NodeConfig {
        poc_port: 18_081,
        ..second
    };
    network_node.register(&second).await.unwrap();
    let listed = network_node.nodes().await.unwrap();
    let ours = listed.iter().filter(|node| node.config.host == first.host);
    assert_eq!(ours.count(), 2);
}

#[tokio::test]
async fn any_callback_answer_counts() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    scene.network_node().callback_answers().await.unwrap();
    let mut config = scene.config.network_node.clone();
    if let Exposure::Tunnel {
        callback_target, ..
    } = &mut config.exposure
    {
        // Nothing listens on port 1.
        *callback_target = "127.0.0.1:1".into();
    }
    let nobody = NetworkNodeClient::new(HttpClient::new(), &config);
    let error = nobody.callback_answers().await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::NotSent);
}

#[tokio::test]
async fn release_is_read_on_the_own_host_only() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let client = || scene.network_node();
    assert_eq!(client().release().await, Ok(None), "no public API is known");
    let own = scene.config.chain.public_api.clone();
    let mut elsewhere = own[0].clone();
    elsewhere.set_host(Some("node.example.org")).unwrap();
    let other = client().with_public_api(std::slice::from_ref(&elsewhere));
    assert_eq!(other.release().await, Ok(None), "another host's");
    let both = client().with_public_api(&[elsewhere, own[0].clone()]);
    let release = both.release().await.unwrap().unwrap();
    assert_eq!(release.to_string(), "0.2.15");
}

#[tokio::test]
async fn callback_address_is_read_alone() {
    let scenario = Scenario {
        callback_url: "http://10.0.0.5:9101".into(),
        ..Scenario::default()
    };
    let scene = Scene::new(1.0, scenario).await;
    let address = scene.network_node().callback_address().await.unwrap();
    assert_eq!(*address.host(), CallbackHost::Private("10.0.0.5".into()));
    assert_eq!(address.port(), 9_101);
    // Given none, then the error names the field and quotes nothing of the rest.
    let scenario = Scenario {
        callback_url: String::new(),
        ..Scenario::default()
    };
    let scene = Scene::new(1.0, scenario).await;
    let error = scene.network_node().callback_address().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("api.poc_callback_url is empty"), "{text}");
    assert!(!text.contains(WORKER_PRIVATE_KEY), "{text}");
}

#[tokio::test]
async fn preflight_needs_no_rpc() {
    let mut scene = Scene::new(1.0, Scenario::default()).await;
    scene.config.chain.rpc.clear();
    let clear = scene.preflight().await;
    assert!(clear.is_clear(), "{clear}");
    // Given another node at our future address, then it blocks.
    let Exposure::Tunnel { api_listen, .. } = &scene.config.network_node.exposure else {
        panic!("the simulated world is reached by a tunnel");
    };
    let there = NodeConfig {
        poc_port: api_listen.port(),
        ..node("colleague-2")
    };
    scene.network_node().register(&there).await.unwrap();
    let blocked = scene.preflight().await;
    let obstacles: Vec<Requirement> = blocked
        .obstacles()
        .map(|finding| finding.requirement)
        .collect();
    assert_eq!(obstacles, [Requirement::Address], "{blocked}");
}

#[tokio::test]
async fn unapproved_model_is_rejected() {
    let scene = Scene::new(1.0, Scenario::default()).await;
    let wrong = NodeConfig {
        models: [("nobody/nothing".to_owned(), Vec::new())].into(),
        ..node("vastai-2")
    };
    let error = scene
        .network_node()
        .register(&wrong)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nobody/nothing") || error.contains("governance"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mlnode_boots_through_the_tunnel() {
    // Given a rental whose container runs, though its order sets neither the image's environment nor
    // its entrypoint,
    let scenario = Scenario {
        environment: EnvironmentRule::Ignored,
        ..Scenario::default()
    };
    let scene = Scene::new(600.0, scenario).await;
    let market = scene.market();
    let remote = OpenSshRemote::new(&scene.config.ssh, &scene.config.paths.runtime_dir).unwrap();
    let key = remote.public_key();
    market.ensure_account_key(key).await.unwrap();
    market.ensure_account_key(key).await.unwrap();
    let id = scene.rent().await;
    let running = || async {
        // A new instance can be invisible for a moment.
        let instance = market.instance(id).await.unwrap()?;
        let is_running = instance.actual == ActualStatus::Running;
        is_running.then_some(instance)
    };
    eventually(running).await;
    market.attach_key(id, key).await.unwrap();
    let session = eventually(|| async {
        // The container's own address appears later than the market's forward to it.
        let endpoint = running().await?.ssh.into_iter().next()?;
        remote.connect(id, &endpoint).await.ok()
    })
    .await;
    let any = "127.0.0.1:0".parse().unwrap();
    let spec = TunnelSpec {
        api_listen: any,
        inference_listen: any,
        api_port: 8080,
        inference_port: 5000,
    };
    let ends = session.open_tunnel(&spec).await.unwrap();
    let mlnode = MlNodeFactory::new(HttpClient::new()).at(Workload::MlNode, ends);
    // when its API answers, then it has GPUs and no model,
    let first = eventually(|| async { mlnode.status(&scene.config.mlnode.model).await.ok() }).await;
    let gpus = first.gpus.as_ref().map(Vec::len);
    assert_eq!(gpus, Some(4), "{first:?}");
    // and after starts of the model, one for each step, it serves it.
    let model = &scene.config.mlnode.model;
    let ready = eventually(|| async {
        // Its API is silent at moments of a download.
        let _ = mlnode.start_model(model).await;
        let status = mlnode.status(model).await.ok()?;
        let healthy = matches!(status.port, InferencePort::Healthy { .. });
        (status.state == ServiceState::Inference && healthy).then_some(status)
    })
    .await;
    assert_eq!(ready.startup, StartupState::Completed, "{ready:?}");
    session.close().await;
    market.destroy(id).await.unwrap();
}
