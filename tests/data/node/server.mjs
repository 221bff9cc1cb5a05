// Serve SCIM from memory with scimmy, on a free port of loopback; says the port and goes on until it is ended.
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const {User, Group} = SCIMMY.Resources;

function declare(type, unique) {
    const kept = new Map();
    const known = (id) => {
        if (!kept.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
        return kept.get(id);
    };
    SCIMMY.Resources.declare(type)
        .ingress((resource, data) => {
            const id = resource.id ?? randomUUID();
            if (resource.id) known(id);
            for (const [other, {[unique]: name}] of kept) {
                if (other !== id && name?.toLowerCase() === data[unique]?.toLowerCase())
                    throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} is taken`);
            }
            kept.set(id, {...JSON.parse(JSON.stringify(data)), id});
            return kept.get(id);
        })
        .egress((resource) => {
            if (resource.id) return known(resource.id);
            const rows = [...kept.values()];
            return resource.filter ? resource.filter.match(rows) : rows;
        })
        .degress((resource) => {
            known(resource.id);
            kept.delete(resource.id);
        });
}

declare(User, "userName");
declare(Group, "displayName");

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${process.env.TOKEN}`) throw new Error("no such token");
        return "respond";
    },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());
