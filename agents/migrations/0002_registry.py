import agents.states
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import orchestrator_site.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentWorker',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('agents', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, help_text='Those that it offers.', size=None)),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=orchestrator_site.clock.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='Unique; a step may name it.', max_length=100)),
                ('version', models.CharField(default='1.0.0', max_length=50)),
                ('description', models.TextField(blank=True)),
                ('service_type', models.CharField(blank=True, help_text='What sort of service it is, for discovery.', max_length=100)),
                ('transport', models.CharField(choices=[('python', 'python'), ('http', 'http'), ('llm', 'llm')], max_length=20)),
                ('settings', models.JSONField(blank=True, default=dict, help_text='Those of its transport, such as its address.')),
                ('tags', models.JSONField(blank=True, default=list)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('region', models.CharField(blank=True, max_length=100)),
                ('zone', models.CharField(blank=True, max_length=100)),
                ('latitude', models.FloatField(blank=True, help_text='Degrees, north positive.', null=True)),
                ('longitude', models.FloatField(blank=True, help_text='Degrees, east positive.', null=True)),
                ('weight', models.FloatField(default=1.0)),
                ('priority', models.IntegerField(default=0)),
                ('max_concurrency', models.PositiveIntegerField(blank=True, help_text='Steps at once; empty: the default.', null=True)),
                ('cost_per_call', models.DecimalField(decimal_places=6, default=0, max_digits=14)),
                ('state', models.CharField(choices=[('starting', 'Starting'), ('healthy', 'Healthy'), ('degraded', 'Degraded'), ('unhealthy', 'Unhealthy'), ('draining', 'Draining'), ('gone', 'Gone')], default=agents.states.AgentState['STARTING'], max_length=20)),
                ('health', models.FloatField(default=1.0, help_text='From 0.0 to 1.0; the formula stands in agents/health.py.')),
                ('load', models.FloatField(default=0.0, help_text='From 0.0, idle, to 1.0, full: what its last heartbeat said.')),
                ('details', models.JSONField(blank=True, default=dict, help_text='What else its last heartbeat said.')),
                ('state_at', models.DateTimeField(help_text='Since when it is in its state.')),
                ('registered_at', models.DateTimeField()),
                ('heard_at', models.DateTimeField(help_text='Its last heartbeat that was written down.')),
                ('built_in', models.BooleanField(default=False, help_text='Offered by workers: it goes with the last of them.')),
                ('digest', models.CharField(blank=True, help_text='Of what it was registered with: the same again changes nothing.', max_length=64)),
                ('told', models.BooleanField(default=True, help_text='Whether those who wait for its departure know of it; false only while it is gone.')),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, help_text="Its side of discovery's terms.", size=None)),
                ('terms', models.GeneratedField(db_persist=True, expression=models.Func(models.F('features'), models.F('state'), arg_joiner=", 'state:' || ", template='array_append(%(expressions)s)'), output_field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None))),
                ('standing', models.GeneratedField(db_persist=True, expression=django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.Value(50), '-', django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(models.F('health'), '*', models.Value(50)), models.IntegerField())), '*', models.Value(11)), '+', django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Least(models.F('load'), models.Value(1.0)), '*', models.Value(10)), models.IntegerField())), output_field=models.IntegerField())),
            ],
            options={
                'ordering': ('name',),
                'indexes': [models.Index(condition=models.Q(('state', 'gone'), _negated=True), fields=['standing', 'id'], name='agent_by_standing'), django.contrib.postgres.indexes.GinIndex(condition=models.Q(('state', 'gone'), _negated=True), fastupdate=False, fields=['terms'], name='agent_by_terms'), models.Index(condition=models.Q(('told', False)), fields=['id'], name='agent_untold'), models.Index(condition=models.Q(('state', 'draining')), fields=['id'], name='agent_draining'), models.Index(condition=models.Q(('built_in', True), models.Q(('state', 'gone'), _negated=True)), fields=['id'], name='agent_built_in')],
                'constraints': [models.UniqueConstraint(fields=('name',), name='agent_name_once'), models.CheckConstraint(condition=models.Q(('health__gte', 0), ('health__lte', 1)), name='agent_health_in_range'), models.CheckConstraint(condition=models.Q(('load__gte', 0)), name='agent_load_not_negative'), models.CheckConstraint(condition=models.Q(('weight__gte', 0)), name='agent_weight_not_negative'), models.CheckConstraint(condition=models.Q(models.Q(('latitude__isnull', True), ('longitude__isnull', True)), models.Q(('latitude__gte', -90), ('latitude__lte', 90), ('longitude__gte', -180), ('longitude__lte', 180)), _connector='OR'), name='agent_place_on_earth'), models.CheckConstraint(condition=models.Q(('told', True), ('state', agents.states.AgentState['GONE']), _connector='OR'), name='agent_untold_is_gone')],
            },
        ),
        migrations.CreateModel(
            name='Registry',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField(default=0, help_text='Goes up with every change that candidates depend on.')),
                ('incarnation', models.CharField(blank=True, help_text='Of Redis: another one means that it is empty.', max_length=36)),
                ('looked_at', models.DateTimeField(help_text='When the sweep last reached Redis.', null=True)),
                ('listening_since', models.DateTimeField(help_text='Since when no heartbeat can have been missed.', null=True)),
            ],
            options={
                'verbose_name_plural': 'registries',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='registry_once')],
            },
        ),
        migrations.CreateModel(
            name='AgentCapability',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('version', models.CharField(default='1.0.0', max_length=50)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='agents.agent')),
            ],
            options={
                'indexes': [models.Index(fields=['name', 'version', 'agent'], name='agent_capability_by_name')],
                'constraints': [models.UniqueConstraint(fields=('agent', 'name'), name='agent_capability_once')],
            },
        ),
        migrations.CreateModel(
            name='AgentEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=50)),
                ('data', models.JSONField(default=dict)),
                ('actor', models.CharField(max_length=200)),
                ('at', models.DateTimeField()),
                ('agent', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='agents.agent')),
            ],
            options={
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['agent', '-at'], name='agent_event_by_agent'), django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='agent_event_by_time', pages_per_range=16)],
            },
        ),
        # Room in each page for the next version of a row: a heartbeat that is written down touches no index.
        migrations.RunSQL(
            'ALTER TABLE agents_agent SET (fillfactor = 70)', 'ALTER TABLE agents_agent RESET (fillfactor)'
        ),
    ]
