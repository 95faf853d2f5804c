//! The lab in a Kubernetes cluster: its manifests, its pods as podman runs them, and its script against a cluster of
//! which every fault can be had.

mod support;

#[path = "kubernetes/cluster.rs"]
mod cluster;
#[path = "kubernetes/pods.rs"]
mod pods;
#[path = "kubernetes/rendered.rs"]
mod rendered;

use std::process::Command;

use cluster::Cluster;
use copycost::record::{Manifest, Status, Trial, Verified, csv_file};
use pods::Pods;
use rendered::render;
use support::{Scratch, copycost, skip};

/// Every path of one thread, every byte compared, over what the pods have.
const GRID: &str = "name: pods\npaths: [all]\nmessage_sizes: [16KiB]\nthreads: [1]\nmessages: 50\nwarmup: 5ms\n\
    repetitions: 1\nverify: true\nseed: 7\n";

/// More trials than are waited for.
const LONG: &str = "name: long\npaths: [two-copy]\nmessage_sizes: [16KiB]\nthreads: [1]\nduration: 1s\n\
    repetitions: 90\n";

#[test]
fn the_pods_run_with_podman_and_their_run_comes_home_whole() {
    let test = "the_pods_run_with_podman_and_their_run_comes_home_whole";
    let Some(pods) = Pods::new(test) else { return };
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", GRID);
    pods.up();
    let (code, said) = pods.sweep(&grid);
    let run = pods.take_home(&scratch);
    assert!([0, 4].contains(&code), "{code}: {said}");
    let rows: Vec<Trial> = csv_file::read(&run).expect("rows").rows;
    let ok: Vec<_> = rows.iter().filter(|row| row.status == Status::Ok).collect();
    assert!(ok.len() > 5, "paths that this kernel has: {rows:?}");
    for row in ok {
        assert_eq!((row.verified, row.wire.word()), (Some(Verified::Bytes), "overlay"), "{row:?}");
    }
    assert!(!rows.iter().any(|row| row.status == Status::Failed), "{rows:?}");
    let run = run.to_str().expect("a path in UTF-8");
    assert!(copycost(["validate", run]).status().expect("the program starts").success());

    // A pod that is being removed: the sweep ends in order, and its run can still be taken out.
    let long = scratch.file("long.yaml", LONG);
    let (code, said) = pods.end_sweep(&long);
    assert_eq!(code, 130, "{said}");
    let manifest = Manifest::read(&pods.take_home(&scratch).join("manifest.json")).expect("a manifest");
    assert_eq!(manifest.outcome.as_deref(), Some("interrupted"), "{said}");
    pods.remove();
    assert_eq!(pods.leftovers(), Vec::<String>::new());
}

#[test]
fn manifests_ask_for_the_rights_that_compose_names_and_no_more() {
    let test = "manifests_ask_for_the_rights_that_compose_names_and_no_more";
    let Some(documents) = render(test, &[]) else { return };
    let compose: serde_json::Value =
        serde_yaml::from_str(include_str!("../compose.yaml")).expect("compose.yaml");
    let agents: Vec<_> = documents.iter().filter(|one| one["kind"] == "Deployment").collect();
    assert_eq!(agents.len(), 2);
    for agent in agents {
        let pod = &agent["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let rights = &container["securityContext"];
        assert_eq!(rights["capabilities"]["add"], compose["x-container"]["cap_add"]);
        assert_eq!(rights["capabilities"]["drop"], compose["x-container"]["cap_drop"]);
        assert_eq!(
            (&rights["allowPrivilegeEscalation"], &rights["readOnlyRootFilesystem"]),
            (&false.into(), &true.into())
        );
        assert_eq!(rights["privileged"], serde_json::Value::Null);
        // What makes a pod's class Guaranteed.
        assert_eq!(container["resources"]["requests"], container["resources"]["limits"]);
        assert_eq!(pod["automountServiceAccountToken"], false);
    }
}

#[test]
fn manifests_hold_against_schemas_and_policy() {
    let test = "manifests_hold_against_schemas_and_policy";
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/target/ci-tools/bin");
    let path = format!("{tools}:{}", std::env::var("PATH").expect("a PATH"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/kubernetes/check.sh");
    let ran = Command::new(script).env("PATH", path).output().expect("the script starts");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    for line in said.lines().filter_map(|line| line.strip_prefix("SKIP ")) {
        skip(test, line);
    }
}

/// What a cluster says, and what becomes of it: words of the one sentence that the script ends with.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "refused",
        "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
        "kubectl knows no cluster",
    ),
    (
        "refused",
        "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
        "the cluster does not answer",
    ),
    ("refused", "error: You must be logged in to the server (Unauthorized)", "the cluster does not know you"),
    ("namespace", "team=", "choose another: COPYCOST_NAMESPACE=NAME"),
    (
        "apply",
        "error: error validating \"STDIN\": error validating data: ValidationError(Deployment.spec.template.spec.containers[0]): \
      unknown field \"startupProbe\" in io.k8s.api.core.v1.Container; if you choose to ignore these errors, turn validation off",
        "does not know the field startupProbe",
    ),
    (
        "apply",
        "Error from server (BadRequest): error when creating \"STDIN\": Deployment in version \"v1\" cannot be handled as a Deployment: \
      strict decoding error: unknown field \"spec.template.spec.hostUsers\"",
        "does not know the field spec.template.spec.hostUsers",
    ),
    (
        "apply",
        "Error from server (Forbidden): deployments.apps is forbidden: User \"me\" cannot create resource \"deployments\"",
        "ask whoever runs it",
    ),
    (
        "apply",
        "Error from server (Forbidden): unable to create new content in namespace copycost because it is being terminated",
        "try again in a minute",
    ),
    (
        "failures",
        "pods \"sender-1\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
        "pod-security.kubernetes.io/enforce=privileged",
    ),
    (
        "failures",
        "pods \"sender-1\" is forbidden: exceeded quota: small, requested: cpu=2, used: cpu=0, limited: cpu=1",
        "COPYCOST_CPUS=1",
    ),
    (
        "pods",
        "sender|||\nreceiver||Unschedulable|0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: none",
        "the lab takes two nodes",
    ),
    (
        "pods",
        "sender||Unschedulable|0/2 nodes are available: 2 Insufficient cpu. preemption: none",
        "ask for less: COPYCOST_CPUS=1",
    ),
    (
        "pods",
        "sender||Unschedulable|0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.",
        "7010 and 7011 are taken",
    ),
    (
        "pods",
        "sender||Unschedulable|0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        "COPYCOST_SENDER_NODE=NAME",
    ),
    (
        "pods",
        "sender|node-a|ImagePullBackOff|Back-off pulling image \"copycost:local\"",
        "the node node-a has no image copycost:local",
    ),
    (
        "pods",
        "sender|node-a|ErrImageNeverPull|Container image is not present",
        "push it where the nodes pull from",
    ),
    (
        "pods",
        "sender|node-a|CreateContainerConfigError|secret \"token\" not found",
        "cannot start the sender: secret",
    ),
    (
        "pods",
        "sender|node-a|CrashLoopBackOff|back-off 10s",
        "the sender ends on the node node-a: the agent's last word",
    ),
];

#[test]
fn each_fault_of_a_cluster_is_one_sentence_and_leaves_nothing_behind() {
    for (what, said, sentence) in FAULTS {
        let cluster = Cluster::new();
        cluster.says(what, said);
        let ended = cluster.lab(&["up"]);
        assert_eq!(ended.code, 1, "{said}: {}", ended.stderr);
        assert!(ended.stderr.contains(sentence), "{said}\nwas told as\n{}", ended.stderr);
        assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{}", ended.stderr);
        let removes = cluster.calls().contains("delete namespace");
        assert_eq!(removes, !["refused", "namespace", "apply"].contains(what), "{said}: {}", cluster.calls());
    }
}

#[test]
fn without_kubectl_the_script_says_where_to_get_it() {
    let ended = Cluster::without_kubectl().lab(&["up"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("kubectl is not installed"), "{}", ended.stderr);
}

#[test]
fn a_run_comes_home_whole_with_the_exit_code_of_its_sweep() {
    for code in [0, 4] {
        let cluster = Cluster::new();
        cluster.has_run(code);
        // The first stream is cut off.
        cluster.says("cut", "once");
        let ended = cluster.lab(&["sweep", "quick", "--only", "threads=1"]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stdout.trim_end().ends_with("results/20260101T000000Z-pods"), "{}", ended.stdout);
        assert!(
            ended.stderr.contains("block 1 of 1"),
            "what the coordinator says is shown: {}",
            ended.stderr
        );
        cluster.assert_run_is_home();
        let calls = cluster.calls();
        assert_eq!(calls.matches("exec ").count(), 2, "{calls}");
        assert!(calls.contains("delete job coordinator") && !calls.contains("delete namespace"), "{calls}");
    }
}

#[test]
fn ctrl_c_ends_the_sweep_in_order_and_takes_its_run_home() {
    let cluster = Cluster::new();
    cluster.has_run(130);
    cluster.says("runs-until-deleted", "");
    let ended = cluster.interrupted(&["sweep", "quick"], "block 1 of 1");
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains("its run so far comes home"), "{}", ended.stderr);
    cluster.assert_run_is_home();
}

#[test]
fn what_a_coordinator_meets_is_told_with_its_remedy() {
    let refused = |sender: &str| {
        let arguments = ["sweep", "smoke", "--sender", sender, "--receiver", sender];
        let ran = copycost(arguments).output().expect("the program starts");
        String::from_utf8(ran.stderr).expect("text")
    };
    for (said, sentence) in [
        // Nobody listens there.
        (refused("127.0.0.1:1"), "COPYCOST_NETWORK_POLICY=1"),
        (refused("sender.agents.invalid:7010"), "name service"),
        (
            "the sender agent at sender.agents:7010: the token is not the agent's".to_owned(),
            "makes both anew",
        ),
    ] {
        let cluster = Cluster::new();
        cluster.has_run(1);
        cluster.says("log", &said);
        cluster.says("no-files", "");
        let ended = cluster.lab(&["sweep", "quick"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(sentence), "{}", ended.stderr);
        assert!(cluster.calls().contains("delete job coordinator"), "{}", cluster.calls());
    }
}

#[test]
fn down_takes_a_run_home_first_and_removes_the_namespace() {
    let cluster = Cluster::new();
    cluster.has_run(0);
    cluster.says("namespace", "copycost=copycost");
    cluster.says("job", "");
    let ended = cluster.lab(&["down"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    cluster.assert_run_is_home();
    assert!(cluster.calls().contains("delete namespace copycost"), "{}", cluster.calls());
    assert_eq!(cluster.lab(&["down"]).code, 0, "twice is fine");
}
