//! Target groups, made more like AWS's than moto has them. In: a request about targets, and moto. Out: the answer.
//!
//! Made up for: unknown ids are refused, a target that is already off is no error, and what was deregistered drains.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use super::proxy::{Answer, Request, State, failure, lock};

/// Until when each target of each group drains.
pub type Draining = HashMap<(String, String), Instant>;

pub fn register(request: Request, moto: SocketAddr, state: &Mutex<State>) -> io::Result<Answer> {
    let ids = ids(&request);
    let mut form: BTreeMap<String, String> =
        ids.iter().enumerate().map(|(i, id)| (format!("InstanceId.{}", i + 1), id.clone())).collect();
    form.insert("Action".into(), "DescribeInstances".into());
    form.insert("Version".into(), "2016-11-15".into());
    let seen = request.about("ec2", form).send(moto)?;
    if seen.status != 200 {
        let message = format!("The following targets do not exist: '{}'", ids.join("', '"));
        return Ok(failure("RegisterTargets", 400, "InvalidTarget", &message));
    }
    let answer = request.send(moto)?;
    let group = request.get("TargetGroupArn").to_owned();
    let mut state = lock(state);
    if answer.status == 200 {
        ids.into_iter().for_each(|id| {
            state.target_drains.remove(&(group.clone(), id));
        });
    }
    Ok(answer)
}

pub fn deregister(mut request: Request, moto: SocketAddr, state: &Mutex<State>) -> io::Result<Answer> {
    let group = request.get("TargetGroupArn").to_owned();
    let there = match listed(&request, moto)? {
        Ok(there) => there,
        Err(failed) => return Ok(failed),
    };
    let known: Vec<String> = ids(&request).into_iter().filter(|id| there.contains_key(id)).collect();
    request.form.retain(|key, _| !key.starts_with("Targets."));
    if known.is_empty() {
        let body = "<DeregisterTargetsResponse><DeregisterTargetsResult/></DeregisterTargetsResponse>";
        return Ok(Answer { status: 200, body: body.into() });
    }
    for (i, id) in known.iter().enumerate() {
        request.form.insert(format!("Targets.member.{}.Id", i + 1), id.clone());
    }
    let answer = request.send(moto)?;
    let mut state = lock(state);
    let until = Instant::now() + state.drain;
    state.target_drains.extend(known.into_iter().map(|id| ((group.clone(), id), until)));
    Ok(answer)
}

pub fn health(request: Request, moto: SocketAddr, state: &Mutex<State>) -> io::Result<Answer> {
    let group = request.get("TargetGroupArn").to_owned();
    let mut told = match listed(&request, moto)? {
        Ok(there) => there,
        Err(failed) => return Ok(failed),
    };
    let now = Instant::now();
    for ((_, id), _) in lock(state).target_drains.iter().filter(|((of, _), until)| *of == group && now < **until) {
        told.entry(id.clone()).or_insert_with(|| ("draining".into(), "Target.DeregistrationInProgress"));
    }
    let asked = ids(&request);
    if !asked.is_empty() {
        let unused = || ("unused".to_owned(), "Target.NotRegistered");
        told = asked.into_iter().map(|id| (id.clone(), told.get(&id).cloned().unwrap_or_else(unused))).collect();
    }
    let members = told.into_iter().map(|(id, (state, reason))| {
        let reason = if reason.is_empty() { String::new() } else { format!("<Reason>{reason}</Reason>") };
        format!(
            "<member><HealthCheckPort>80</HealthCheckPort><TargetHealth><State>{state}</State>{reason}</TargetHealth>\
             <Target><Port>80</Port><Id>{id}</Id></Target></member>"
        )
    });
    let members: String = members.collect();
    let body = format!(
        "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{members}\
         </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
    );
    Ok(Answer { status: 200, body })
}

/// Each target's state and reason.
type Targets = BTreeMap<String, (String, &'static str)>;

/// The targets that moto has registered. Or moto's error.
fn listed(request: &Request, moto: SocketAddr) -> io::Result<Result<Targets, Answer>> {
    let mut form = request.form.clone();
    form.retain(|key, _| !key.starts_with("Targets."));
    form.insert("Action".into(), "DescribeTargetHealth".into());
    let answer = request.about("elasticloadbalancing", form).send(moto)?;
    if answer.status != 200 {
        return Ok(Err(answer));
    }
    let members = answer.body.split("<member>").skip(1);
    let told = members.filter_map(|member| Some((text(member, "Id")?, (text(member, "State")?, ""))));
    Ok(Ok(told.collect()))
}

fn text(xml: &str, tag: &str) -> Option<String> {
    let rest = xml.split_once(&format!("<{tag}>"))?.1;
    Some(rest.split('<').next()?.to_owned())
}

fn ids(request: &Request) -> Vec<String> {
    let named = request.form.iter().filter(|(key, _)| key.starts_with("Targets.") && key.ends_with(".Id"));
    named.map(|(_, id)| id.clone()).collect()
}
