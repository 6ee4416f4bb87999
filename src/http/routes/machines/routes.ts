/** GET /machines and GET /machines/{name}. */
import type { Inspection } from '../../../core/ports/inspection.ts'
import { Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { toMachineBody } from './to-machine-body.ts'

export function createMachineRoutes(inspection: Inspection): readonly Route[] {
  return [
    /**
     * @openapi
     * /machines:
     *   get:
     *     operationId: listMachines
     *     tags: [inspection]
     *     summary: The state machines that actors run, from the root to the leaves
     *     responses:
     *       200: { description: All of them, content: { application/json: { schema: { $ref: '#/components/schemas/MachineList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/machines',
      action: 'machine.read',
      handle() {
        const data = inspection.machines().map(({ name, description }) => ({ name, description }))
        return { status: 200, body: { data, next_cursor: null } }
      },
    }),

    /**
     * @openapi
     * /machines/{name}:
     *   get:
     *     operationId: readMachine
     *     tags: [inspection]
     *     summary: A machine's states and the arrows between them
     *     parameters:
     *       - { $ref: '#/components/parameters/MachineName' }
     *     responses:
     *       200: { description: The machine, content: { application/json: { schema: { $ref: '#/components/schemas/MachineDefinition' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/machines/{name}',
      action: 'machine.read',
      handle({ params }) {
        const machine = inspection.machines().find(({ name }) => name === params.name)
        if (!machine) throw new Refusal('machine.missing', 'There is no such machine.')
        return { status: 200, body: toMachineBody(machine) }
      },
    }),
  ]
}
