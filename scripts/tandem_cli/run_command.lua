--- `:run`.
--
-- @module tandem_cli.run_command
local record = require "tandem_cli.lab.record"
local summary = require "tandem_cli.lab.summary"

-- A future holds some 220 bytes, the record of it as much again.
local MOST = 1000000

local function count_of(word)
  local n = math.tointeger(tonumber(word))
  if n and n >= 1 and n <= MOST then return n end
  return nil, ("how many is '%s'? A whole number from 1 to %d")
    :format(word, MOST)
end

local function run(session, args)
  local n, problem = session.count, nil
  if args[1] then n, problem = count_of(args[1]) end
  if not n then return problem end
  local done = record.run(session, { n = n })
  session.write(summary.describe(done, session.width, session.colour))
  if done.failed > 0 then return ("%d of %d failed"):format(done.failed, n) end
  if done.interrupted then return "interrupted" end
end

return {
  { name = "run", usage = "[N]", most = 1, run = run,
    summary = "run the task N times, and tell how it went",
    help = [[
Submits N tasks to the pool and waits for them; a bar shows how far they are,
and what each worker does. Ctrl-C stops them. Without N there are as many as
take a second or so. Afterwards:
  wall: from the first submit to the last end, and tasks in a second
  serial: what they take one after another, without workers, as measured on a
sample; the speed-up is that, divided by the wall time
  wait, run: how long tasks waited for a worker, and were at work: half of
them at most p50, 99 of 100 at most p99
  CPU: how much of the time at work the CPU was used
  workers: how much of the run each worker was at work

Example:
    :run 500]] },
}
