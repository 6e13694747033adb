//! Instances are zones: making, reinstalling and removing them goes through VMAPI.

use hyper::StatusCode;
use serde_json::Value;
use tokio::time::timeout;

use super::super::http::{Answer, truthy};
use super::configs::Family;
use super::model::{Model, refuse};
use super::objects::{Kind, Object, text};
use super::{Mode, Sapi};

impl Sapi {
    /// Makes an instance, and its zone. Whatever fails, no instance of that uuid is left, not even one that was there
    /// before: so does the real server.
    pub(super) async fn create_instance(&self, said: Object) -> Result<Object, Answer> {
        // What the real server asserts ends its process before it touches anything.
        let uuid = text(&Kind::Instance.make(&said).map_err(refuse)?, "uuid").to_owned();
        let mut said = said;
        said.insert("uuid".to_owned(), uuid.clone().into());
        let created = self.deploy(&said).await;
        if created.is_err() {
            self.change(|model| Ok(model.remove(Kind::Instance, &uuid)))?;
        }
        created
    }

    async fn deploy(&self, said: &Object) -> Result<Object, Answer> {
        let mut instance = self.change(|model| model.create(Kind::Instance, said))?;
        let payload = {
            let model = self.model();
            if !has_zone(&model, &instance) {
                return Ok(instance);
            }
            Value::Object(Family::of(&model, &instance)?.payload())
        };
        if self.vmapi.zone(text(&instance, "uuid")).await?.is_some() {
            return Ok(instance);
        }
        let job = self.vmapi.provision(&payload).await?;
        if said.get("async").is_some_and(truthy) {
            instance.insert("job_uuid".to_owned(), job.into());
            return Ok(instance);
        }
        self.vmapi.wait(&job, "ProvisionFailedError").await?;
        Ok(instance)
    }

    /// Reinstalls the zone of an instance from an image. The instance does not say so afterwards.
    pub(super) async fn upgrade(&self, uuid: &str, said: &Object) -> Result<Object, Answer> {
        let Some(image) = said.get("image_uuid").filter(|image| truthy(image)) else {
            let message = "missing image_uuid";
            return Err(Answer::error(StatusCode::CONFLICT, "MissingParameter", message));
        };
        let (instance, hook, mode) = {
            let model = self.model();
            let instance = model.get(Kind::Instance, uuid)?.clone();
            let hook = Family::of(&model, &instance)?.param("teardown-hook");
            (instance, hook, model.mode)
        };
        // Both end the real server's process: the second because an agent has no VM.
        let (Some(image), "vm") = (image.as_str(), text(&instance, "type")) else {
            return Err(Answer::cut());
        };
        if mode == Mode::Proto {
            return Ok(instance);
        }
        let act = async {
            if let Some(hook) = hook.as_ref().and_then(Value::as_str) {
                self.vmapi.tear_down(uuid, hook).await?;
            }
            let job = self.vmapi.reprovision(uuid, image).await?;
            self.vmapi.wait(&job, "ReprovisionFailedError").await
        };
        match self.upgrade_silence {
            None => act.await?,
            Some(limit) => match timeout(limit, act).await {
                Ok(outcome) => outcome?,
                Err(_) => {
                    tracing::debug!(instance = uuid, "cutting the connection of a long upgrade");
                    return Err(Answer::cut());
                }
            },
        }
        Ok(instance)
    }

    /// Removes an instance, and its zone.
    pub(super) async fn delete_instance(&self, uuid: &str) -> Result<(), Answer> {
        let (zone, hook) = {
            let model = self.model();
            let instance = model.get(Kind::Instance, uuid)?;
            let zone = has_zone(&model, instance);
            // An instance whose service is gone has no hooks.
            let family = Family::of(&model, instance).ok();
            (zone, family.and_then(|family| family.param("teardown-hook")))
        };
        if zone {
            if let Some(hook) = hook.as_ref().and_then(Value::as_str) {
                self.vmapi.tear_down(uuid, hook).await?;
            }
            let job = self.vmapi.destroy(uuid).await?;
            self.vmapi.wait(&job, "DestroyFailedError").await?;
        }
        self.change(|model| Ok(model.remove(Kind::Instance, uuid)))?;
        Ok(())
    }

    /// The compute node of an instance. VMAPI knows it when SAPI was not told.
    pub(super) async fn server(&self, uuid: &str) -> Result<Option<Value>, Answer> {
        let zone = {
            let model = self.model();
            let instance = model.get(Kind::Instance, uuid)?;
            if let Some(server) = Family::of(&model, instance)?.param("server_uuid") {
                return Ok(Some(server));
            }
            has_zone(&model, instance)
        };
        if !zone {
            return Ok(None);
        }
        let zone = self.vmapi.zone(uuid).await?;
        Ok(zone.and_then(|zone| zone.get("server_uuid").cloned()))
    }
}

fn has_zone(model: &Model, instance: &Object) -> bool {
    model.mode == Mode::Full && text(instance, "type") == "vm"
}
