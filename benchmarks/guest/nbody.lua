-- Planets around a star by Verlet steps, in plain Lua 5.1: as much work for an interpreter as for a compiler. Prints the energy's drift.
local steps = tonumber(arg[1])
local bodies = {}
for i = 0, 4 do
  local angle, radius = i * 2.1, i * i * 1.3
  local speed = radius > 0 and math.sqrt(40 / radius) or 0
  bodies[i + 1] = {
    x = radius * math.cos(angle), y = radius * math.sin(angle), z = 0.1 * i,
    vx = -speed * math.sin(angle), vy = speed * math.cos(angle), vz = 0,
    mass = i == 0 and 40 or 0.02 * i,
  }
end

local function energy()
  local sum = 0
  for i, a in ipairs(bodies) do
    sum = sum + a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz) / 2
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      sum = sum - a.mass * b.mass / math.sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return sum
end

local function step(dt)
  for i = 1, #bodies do
    local a = bodies[i]
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local pull = dt / (square * math.sqrt(square))
      a.vx, a.vy, a.vz = a.vx - dx * b.mass * pull, a.vy - dy * b.mass * pull, a.vz - dz * b.mass * pull
      b.vx, b.vy, b.vz = b.vx + dx * a.mass * pull, b.vy + dy * a.mass * pull, b.vz + dz * a.mass * pull
    end
  end
  for i = 1, #bodies do
    local a = bodies[i]
    a.x, a.y, a.z = a.x + dt * a.vx, a.y + dt * a.vy, a.z + dt * a.vz
  end
end

local before = energy()
for _ = 1, steps do
  step(0.0005)
end
local drift = math.abs(energy() / before - 1)
print(drift)
assert(drift < 0.01)
