--- The programs of scripts/examples run, and say something. Servers, which do
-- not end of themselves, have specs of their own.
local files = require "spec.support.files"
local run_script = require "spec.support.script"

local function each_example()
  local pipe <close> = assert(io.popen("ls scripts/examples/*.lua"))
  local list = {}
  for path in pipe:lines() do
    if not path:find("/server_", 1, true) then list[#list + 1] = path end
  end
  return list
end

describe("the example", function()
  for _, path in ipairs(each_example()) do
    it(path:match("[^/]+$"), function()
      local code, out, err = run_script(files.read(path))
      assert.equal("", err)
      assert.equal(0, code)
      assert.is_true(#out > 0)
    end)
  end
end)
