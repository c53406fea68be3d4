-- Reads metadata and conditions only, and needs no Lua library: it runs from argocd-cm as it is.
local health = { status = "Progressing", message = "Waiting for Pintle to see this change" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Being deleted"
  return health
end

-- -1 until the operator has seen the object; the conditions of an older generation tell of another spec.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end

local ready = conditions.Ready
if ready == nil then
  return health
end

health.message = ready.message
if ready.status == "True" then
  health.status = "Healthy"
elseif conditions.Stalled ~= nil and conditions.Stalled.status == "True" then
  -- Rejected, or not to be had: somebody has to change something.
  health.status = "Degraded"
elseif conditions.Reconciling == nil then
  -- Neither wrong nor under way: somebody chose to hold it (spec.suspend, 0 replicas, a canary's pause).
  health.status = "Suspended"
end
return health
