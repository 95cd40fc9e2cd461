"""database: a database that holds the library, the plan's tables and the SQL edition, filled alike."""
import pathlib
import re
import subprocess
import sys

import psycopg2

from peers import COMPLETED, DAY, HEARTBEATS, LOOP, PAGES, PLACES, in_server

TOP = pathlib.Path(__file__).resolve().parent.parent


def say(text):
    print('==', text, file=sys.stderr, flush=True)


class Database:
    """A database of so many learners, and a connection to it as their role."""

    def __init__(self, learners):
        self.learners = learners
        self.name = f'bench_{learners}'
        self.first_reports = 0
        say(f'filling the tables for {learners} learners')
        subprocess.run(['createdb', self.name], check=True)
        self.load((TOP / 'test/supabase.sql').read_text())
        self.load('CREATE EXTENSION content_library')
        self.load('CREATE SCHEMA plan; SET search_path = plan; CREATE TABLE users (id uuid PRIMARY KEY);'
                  + (TOP / 'test/data/plan.sql').read_text().replace('auth.users', 'plan.users')
                  + 'GRANT USAGE ON SCHEMA plan TO authenticated, service_role;'
                    'GRANT ALL ON ALL TABLES IN SCHEMA plan TO authenticated, service_role')
        self.load((TOP / 'bench/data.sql').read_text())
        self.load(edition())
        self.connection = None
        self.connect()
        for workload, peers in {**dict.fromkeys(('advancing', 'first'), HEARTBEATS),
                                'completed': {peer: HEARTBEATS[peer] for peer in COMPLETED}, **PAGES}.items():
            for peer, text in peers.items():
                self.run(LOOP.format(name=f'{workload}_{peer}', place=PLACES[workload], statement=in_server(text)))
        self.run(DAY)
        self.run('GRANT USAGE ON SCHEMA edition TO authenticated, service_role')
        self.run('GRANT SELECT ON ALL TABLES IN SCHEMA edition TO authenticated, service_role')

    def connect(self):
        """Connects, with a new backend."""
        if self.connection:
            self.connection.close()
        self.connection = psycopg2.connect(dbname=self.name)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.run('SET client_min_messages = warning')

    def load(self, text):
        subprocess.run(['psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-v', f'learners={self.learners}', '-d', self.name],
                       input='SET client_min_messages = warning;' + text, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def run(self, text, args=None):
        self.cursor.execute(text, args)
        return self.cursor.fetchone() if self.cursor.description else None

    def call(self, procedure, *args):
        """What a procedure answers when a learner calls it: microseconds and bytes of WAL of a call."""
        self.run('SET ROLE authenticated')
        try:
            return self.run(f"CALL bench.{procedure}({', '.join(map(str, args))}, NULL, NULL)")
        finally:
            self.run('RESET ROLE')

    def switch(self, peer, on):
        """Lets the starter's trigger work while it is measured, and not otherwise."""
        if peer == 'starter':
            self.run(f"ALTER TABLE public.content_progress {'ENABLE' if on else 'DISABLE'} TRIGGER starter")


def edition():
    """The functions of the SQL edition, in a schema of their own, on the tables of the extension."""
    text = next((TOP / 'supabase/migrations').glob('*_content_library.sql')).read_text()
    wanted = re.findall(r'^CREATE OR REPLACE FUNCTION .*?^(?:\$\$|END);$|'
                        r'^CREATE TABLE IF NOT EXISTS public\.content_library_settings.*?^\);$|'
                        r'^INSERT INTO public\.content_library_settings.*?;$', text, re.M | re.S)
    # Who may call what decides which door a call takes.
    grants = [block for block in re.findall(r'^DO \$\$.*?^\$\$;$|^GRANT USAGE ON SCHEMA [^;]*;', text, re.M | re.S)
              if 'GRANT EXECUTE ON FUNCTION' in block or block.startswith('GRANT')]
    wanted += ["SET content_library_migration.kept = '{}';",
               'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA content_library, edition FROM PUBLIC;', *grants]
    names = set(re.findall(r'^CREATE OR REPLACE FUNCTION public\.(\w+)', text, re.M)) | {'content_library_settings'}
    moved = re.sub(r'\bpublic\.(\w+)', lambda m: ('edition.' if m[1] in names else 'public.') + m[1], '\n'.join(wanted))
    return 'CREATE SCHEMA edition; CREATE SCHEMA content_library; SET check_function_bodies = off;' + moved
